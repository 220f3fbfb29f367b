'use client';

import { classes } from '@/lib/classes';
import { statusTone, statusWords, type Moment } from '@/lib/ops/moments';
import { Badge } from '../badge';
import { useExactClock } from './clock';
import styles from './step-list.module.css';

const names = new Intl.ListFormat('en', { type: 'conjunction' });

/* The path in words: the same moments, in the same order. */
export function StepList({ list }: { list: Moment[] }) {
  const clock = useExactClock();
  return (
    <ol className={styles.list}>
      {list.map(({ key, kind, at, from, to, label, version, meaning, status }) => (
        <li key={key} className={classes(styles.step, kind === 'request' && styles.request)}>
          {at === null ? (
            <span className={styles.time} />
          ) : (
            <time dateTime={at} className={styles.time}>
              {clock(at)}
            </time>
          )}
          <div className={styles.what}>
            <p className={styles.meaning}>{meaning}</p>
            {kind === 'event' && (
              <p className={styles.event}>
                {from} says <span className={styles.type}>{label}</span>
                {version !== null && ` v${version}`}
                {to.length > 0 ? ` to ${names.format(to)}` : ', which nobody needs to hear'}
              </p>
            )}
          </div>
          {status !== null && (
            <span className={styles.status}>
              <Badge tone={statusTone(status)}>{statusWords(status)}</Badge>
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
