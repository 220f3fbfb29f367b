import { classes } from '@/lib/classes';
import type { OutboxRow } from '@/lib/ops/types';
import { count, duration } from '@/lib/ops/words';
import { Panel } from './panel';
import styles from './figures.module.css';

const MOST = 1000; // as far as the service counts

/* What was decided and is not yet said: empty but for moments. */
export function Outboxes({ rows, away }: { rows: OutboxRow[] | null; away: string | undefined }) {
  const waiting = (rows ?? []).reduce((sum, row) => sum + row.waiting, 0);
  return (
    <Panel
      id="outboxes"
      title="Outboxes"
      span="third"
      away={rows ? undefined : (away ?? 'no answer')}
      aside={waiting === 0 ? 'empty' : `${count(waiting, 'event')} waiting`}
    >
      <dl className={styles.rows}>
        {(rows ?? []).map(row => (
          <div key={row.service} className={classes(row.waiting > 0 && styles.warn)}>
            <dt>{row.service}</dt>
            <dd className={classes(row.waiting === 0 && styles.zero)}>
              {row.waiting === 0
                ? 'empty'
                : `${row.waiting >= MOST ? `${MOST} or more` : row.waiting}, oldest ${duration(row.oldestMs ?? 0)}`}
            </dd>
          </div>
        ))}
      </dl>
      <p className={styles.foot}>
        Events that are decided, and not yet acknowledged by the broker.
      </p>
    </Panel>
  );
}
