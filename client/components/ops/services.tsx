import { classes } from '@/lib/classes';
import type { ServiceRow } from '@/lib/ops/types';
import { count, roughly } from '@/lib/ops/words';
import tones from '../tones.module.css';
import { Panel } from './panel';
import styles from './services.module.css';

const STATES = {
  ready: { look: tones.good, text: 'Ready' },
  'not ready': { look: tones.bad, text: 'Not ready' },
  away: { look: classes(tones.bad, styles.away), text: 'Away' },
} as const;

function Process({ row, alone }: { row: ServiceRow; alone: boolean }) {
  const { look, text } = STATES[row.state];
  return (
    <li className={classes(styles.process, look)}>
      <p className={styles.state}>
        {text}
        {!alone && row.instance !== null && <span className={styles.quiet}> {row.instance}</span>}
      </p>
      {row.problems.map(problem => (
        <p key={problem} className={styles.problem}>
          {problem}
        </p>
      ))}
      {row.upSeconds !== null && (
        <p className={styles.quiet}>
          up {roughly(row.upSeconds * 1000)}
          <br />
          {row.version} · pid {row.pid}
        </p>
      )}
    </li>
  );
}

/* A tile for each service, with its processes. */
export function Services({ rows, away }: { rows: ServiceRow[] | null; away: string | undefined }) {
  const names = [...new Set((rows ?? []).map(row => row.service))];
  const ready = (rows ?? []).filter(row => row.state === 'ready').length;
  const processes = (rows ?? []).filter(row => row.state !== 'away').length;
  return (
    <Panel
      id="services"
      title="Services"
      away={rows ? undefined : (away ?? 'no answer')}
      aside={`${ready} of ${count(processes, 'process', 'processes')} ready`}
    >
      <ul className={styles.tiles}>
        {names.map(name => {
          const own = (rows ?? []).filter(row => row.service === name);
          const well = own.every(row => row.state === 'ready' && row.problems.length === 0);
          const gone = own.every(row => row.state === 'away');
          return (
            <li key={name} className={classes(styles.tile, !well && styles.ill)}>
              <h3>{name}</h3>
              <ul className={styles.processes}>
                {own.map(row => (
                  <Process key={row.instance ?? 'none'} row={row} alone={own.length === 1} />
                ))}
              </ul>
              {!gone && (
                <p className={styles.words}>
                  says {own[0]!.says.length || 'none'}, hears {own[0]!.hears.length || 'none'}
                </p>
              )}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
