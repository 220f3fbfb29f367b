/* What has happened to an order, in the words of its buyer; the newest last. */
import { Icon, type IconName } from '@/components/icon';
import { Time } from '@/components/time';
import tones from '@/components/tones.module.css';
import { classes } from '@/lib/classes';
import type { Tone } from '@/lib/tone';
import type { OrderCause, OrderStep } from '@/lib/types';
import styles from './timeline.module.css';

const WORDS: Record<OrderCause, [IconName, Tone, string, string]> = {
  ordered: ['ticket', 'none', 'You ordered the ticket', 'Nobody else can buy it meanwhile.'],
  'payment-started': ['lock', 'info', 'Payment begun', 'Your card was asked.'],
  'payment-authorized': ['check', 'good', 'Payment accepted', 'The ticket became yours.'],
  'payment-failed': ['alert', 'bad', 'Payment not accepted', 'Nothing was charged.'],
  'buyer-cancelled': ['close', 'none', 'You cancelled the order', 'The ticket was set free.'],
  expired: ['clock', 'none', 'The time to pay ran out', 'The ticket was set free.'],
  'ticket-withdrawn': ['close', 'none', 'The seller withdrew the ticket', 'Nothing was charged.'],
  'user-banned': ['shield', 'bad', 'The account was suspended', 'Its open orders were cancelled.'],
};

export function Timeline({ history }: { history: OrderStep[] }) {
  return (
    <section className={styles.section} aria-labelledby="history">
      <div className={styles.head}>
        <h2 id="history">What happened</h2>
        <p className={styles.day}>
          <Time iso={history[0]!.at} show="date" />
        </p>
      </div>
      <ol className={styles.steps}>
        {history.map(step => {
          const [icon, tone, title, more] = WORDS[step.cause];
          return (
            <li
              key={step.at + step.cause}
              className={classes(styles.step, tones[tone], tone === 'none' && styles.plain)}
            >
              <span className={styles.sign}>
                <Icon name={icon} size={16} />
              </span>
              <p className={styles.title}>{title}</p>
              <p className={styles.more}>
                {more} <Time iso={step.at} show="clock" className={styles.time} />
              </p>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
