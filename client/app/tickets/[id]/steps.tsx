import type { IconName } from '@/components/icon';
import { Point } from '@/components/point';
import styles from './steps.module.css';

const STEPS: { icon: IconName; title: string; text: string }[] = [
  {
    icon: 'clock',
    title: 'Held for 15 minutes',
    text: 'Ordering takes the ticket off the market for you. Nobody else can buy it meanwhile.',
  },
  {
    icon: 'lock',
    title: 'Pay by card',
    text: 'Your card goes to Stripe, never to us or to the seller. Changed your mind? Let it go.',
  },
  {
    icon: 'ticket',
    title: 'It is yours',
    text: 'You are charged once the ticket is yours, at the price you agreed to, and never twice.',
  },
];

/* What happens after "Buy". */
export function Steps() {
  return (
    <section aria-labelledby="steps">
      <h2 id="steps" className="visually-hidden">
        How buying works
      </h2>
      <ol className={styles.steps}>
        {STEPS.map(step => (
          <li key={step.title}>
            <Point {...step} level="h3" accent />
          </li>
        ))}
      </ol>
    </section>
  );
}
