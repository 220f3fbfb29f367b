import type { Overview } from '@/lib/ops/types';
import type { Need } from '@/lib/ops/verdict';
import { count } from '@/lib/ops/words';
import { classes } from '@/lib/classes';
import type { Tone } from '@/lib/tone';
import { Icon } from '../icon';
import tones from '../tones.module.css';
import styles from './verdict.module.css';

interface VerdictProps {
  title: string;
  list: Need[];
  overview: Overview | null;
  failed: number | null;
}

/* What all is well means, in numbers. */
function inNumbers({ services, stores, streams, consumers }: Overview): string {
  const said = streams?.reduce((sum, row) => sum + row.messages, 0) ?? 0;
  return [
    services && count(services.length, 'process', 'processes'),
    count(stores.filter(row => row.ok).length, 'store'),
    consumers && count(consumers.length, 'consumer'),
    streams && `${count(said, 'event')} kept`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/* The one glance. Only a change of what is wrong is announced, never one of its numbers. */
export function Verdict({ title, list, overview, failed }: VerdictProps) {
  const silent = failed !== null;
  const heading = silent ? 'The operations service does not answer' : title;
  const grave = list.some(need => need.grave);
  const tone: Tone =
    silent || !overview ? 'none' : grave ? 'bad' : list.length > 0 ? 'warn' : 'good';
  const announced = silent ? heading : [heading, ...list.map(need => need.title)].join('. ');
  return (
    <section
      className={classes(styles.verdict, tones[tone], list.length === 0 && styles.calm)}
      aria-labelledby="verdict-title"
    >
      <span className={styles.sign}>
        <Icon name={silent || list.length > 0 ? 'alert' : overview ? 'check' : 'clock'} size={26} />
      </span>
      <div className={styles.body}>
        <h2 id="verdict-title">{heading}</h2>
        {silent && (
          <p className={styles.numbers}>
            {overview && 'What is below may have changed since. '}The shop does not depend on it.
          </p>
        )}
        {!silent && overview && list.length === 0 && (
          <p className={styles.numbers}>{inNumbers(overview)}</p>
        )}
        {list.length > 0 && (
          <ul className={styles.list}>
            {list.map(need => (
              <li key={need.title}>
                <a href={`#${need.panel}`}>{need.title}</a>
                {need.detail && <span className={styles.detail}>{need.detail}</span>}
              </li>
            ))}
          </ul>
        )}
      </div>
      <p role="status" className="visually-hidden">
        {announced}
      </p>
    </section>
  );
}
