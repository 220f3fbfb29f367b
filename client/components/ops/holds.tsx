import { classes } from '@/lib/classes';
import type { Holds, Timers } from '@/lib/ops/types';
import { count, duration } from '@/lib/ops/words';
import { Panel } from './panel';
import styles from './figures.module.css';

interface HoldsProps {
  holds: Holds | null;
  timers: Timers | null;
  at: string;
  away: string | undefined;
  timersAway: string | undefined;
}

function Shares({ holds: { created, awaitingPayment } }: { holds: Holds }) {
  const all = created + awaitingPayment || 1;
  const paying = (100 * awaitingPayment) / all;
  return (
    <svg className={styles.bar} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect className={styles.created} width={(100 * created) / all} height="4" />
      <rect className={styles.paying} x={100 - paying} width={paying} height="4" />
    </svg>
  );
}

/* Tickets that wait for a buyer's money, and the timers that end that. */
export function HoldsPanel({ holds, timers, at, away, timersAway }: HoldsProps) {
  const next = holds?.nextExpiresAt ? Date.parse(holds.nextExpiresAt) - Date.parse(at) : null;
  return (
    <Panel
      id="holds"
      title="Holds"
      span="third"
      away={holds ? undefined : (away ?? 'no answer')}
      aside={holds && count(holds.created + holds.awaitingPayment, 'open order')}
    >
      {holds && (
        <>
          <Shares holds={holds} />
          <dl className={styles.rows}>
            <div>
              <dt>
                <span className={classes(styles.key, styles.created)} />
                Held
              </dt>
              <dd>{holds.created}</dd>
            </div>
            <div>
              <dt>
                <span className={classes(styles.key, styles.paying)} />
                Payment under way
              </dt>
              <dd>{holds.awaitingPayment}</dd>
            </div>
            <div className={classes(holds.overdue > 0 && styles.warn)}>
              <dt>Overdue</dt>
              <dd className={classes(holds.overdue === 0 && styles.zero)}>
                {holds.overdue === 0 ? 'none' : holds.overdue}
              </dd>
            </div>
            <div>
              <dt>Timers</dt>
              <dd className={classes(!timers && styles.zero)}>
                {timers
                  ? `${timers.waiting} waiting${timers.leased > 0 ? `, ${timers.leased} firing` : ''}`
                  : (timersAway ?? 'not known')}
              </dd>
            </div>
          </dl>
          <p className={styles.foot}>
            {next === null && 'No hold is running.'}
            {next !== null && next > 0 && `The next hold runs out in ${duration(next)}.`}
            {next !== null && next <= 0 && `The oldest ran out ${duration(-next)} ago.`}
          </p>
        </>
      )}
    </Panel>
  );
}
