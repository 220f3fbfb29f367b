import { bars, perSecond, type Sample } from '@/lib/ops/rates';
import type { StreamRow } from '@/lib/ops/types';
import { ago, count, rate } from '@/lib/ops/words';
import { Bars } from './bars';
import { Panel } from './panel';
import styles from './streams.module.css';

interface StreamsProps {
  rows: StreamRow[] | null;
  samples: Sample[];
  at: string;
  away: string | undefined;
}

function Stream({ row, samples, at }: { row: StreamRow; samples: Sample[]; at: string }) {
  const now = perSecond(samples, row.name);
  const kinds = row.events.filter(kind => kind.messages > 0);
  return (
    <li className={styles.stream}>
      <h3>{row.name}</h3>
      <Bars values={bars(samples, row.name)} />
      <p className={styles.rate}>{now === null ? '–' : rate(now)}</p>
      <p className={styles.kinds}>
        {kinds.length === 0 && 'Nothing was said yet'}
        {kinds.map(({ type, messages }) => (
          <span key={type}>
            {type.slice(type.indexOf('.') + 1)} <b>{messages.toLocaleString('en-US')}</b>
          </span>
        ))}
      </p>
      <p className={styles.last}>{row.lastAt && ago(row.lastAt, at)}</p>
    </li>
  );
}

/* Each owner's stream: what was said in the last five minutes, how much is kept of which kind. */
export function Streams({ rows, samples, at, away }: StreamsProps) {
  const kept = (rows ?? []).reduce((sum, row) => sum + row.messages, 0);
  return (
    <Panel
      id="streams"
      title="Events"
      span="wide"
      away={rows ? undefined : (away ?? 'no answer')}
      aside={`last 5 minutes · ${count(kept, 'event')} kept`}
    >
      <ul className={styles.streams}>
        {(rows ?? []).map(row => (
          <Stream key={row.name} row={row} samples={samples} at={at} />
        ))}
      </ul>
    </Panel>
  );
}
