import { classes } from '@/lib/classes';
import type { ConsumerRow } from '@/lib/ops/types';
import { count } from '@/lib/ops/words';
import { Panel } from './panel';
import styles from './consumers.module.css';

const STREAMS = ['users', 'tickets', 'orders', 'expiration', 'payments'];
const SERVICES = ['auth', 'tickets', 'orders', 'expiration', 'payments'];

function inWords(row: ConsumerRow): string {
  return [
    row.bound ? '' : 'nobody listens, ',
    row.pending === 0 ? 'nothing behind' : `${count(row.pending, 'event')} behind`,
    row.ackPending > 0 ? `, ${row.ackPending} being handled` : '',
    row.redelivered > 0 ? `, ${row.redelivered} of them handed out again` : '',
  ].join('');
}

function Cell({ row }: { row: ConsumerRow | undefined }) {
  if (!row)
    return (
      <td className={styles.none}>
        <span className="visually-hidden">does not hear it</span>
      </td>
    );
  const look = !row.bound ? styles.deaf : row.pending > 0 ? styles.behind : styles.even;
  return (
    <td>
      <span className={classes(styles.cell, look)} title={`${row.durable}: ${inWords(row)}`}>
        <span aria-hidden="true">{row.pending}</span>
        {row.redelivered > 0 && (
          <span className={styles.again} aria-hidden="true">
            ↻{row.redelivered}
          </span>
        )}
        <span className="visually-hidden">{inWords(row)}</span>
      </span>
    </td>
  );
}

/* Who hears whom, and how far behind: a row hears the columns that have a number. */
export function Consumers({
  rows,
  away,
}: {
  rows: ConsumerRow[] | null;
  away: string | undefined;
}) {
  const list = rows ?? [];
  const columns = [...new Set([...STREAMS, ...list.map(row => row.stream)])].filter(name =>
    list.some(row => row.stream === name),
  );
  const hearers = [...new Set([...SERVICES, ...list.map(row => row.service)])].filter(name =>
    list.some(row => row.service === name),
  );
  const lag = list.reduce((sum, row) => sum + row.pending, 0);
  return (
    <Panel
      id="consumers"
      title="Who hears whom"
      span="half"
      away={rows ? undefined : (away ?? 'no answer')}
      aside={lag === 0 ? 'nobody is behind' : `${count(lag, 'event')} behind`}
    >
      <table className={styles.matrix}>
        <caption className="visually-hidden">
          Events not yet handled, by service and by the stream that it hears
        </caption>
        <thead>
          <tr>
            <td />
            {columns.map(name => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {hearers.map(service => (
            <tr key={service}>
              <th scope="row">{service}</th>
              {columns.map(stream => (
                <Cell
                  key={stream}
                  row={list.find(row => row.service === service && row.stream === stream)}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className={styles.legend}>
        A row hears the columns with a number: the events it has yet to handle.
        {list.some(row => row.redelivered > 0) && ' ↻ were handed out again.'}
        {list.some(row => !row.bound) && ' Red: nobody listens.'}
      </p>
    </Panel>
  );
}
