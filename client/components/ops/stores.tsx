import { classes } from '@/lib/classes';
import type { StoreRow } from '@/lib/ops/types';
import tones from '../tones.module.css';
import styles from './stores.module.css';

/* "Redis is away" beside the name Redis: "is away". */
function beside(name: string, detail: string): string {
  return detail.startsWith(`${name} `) ? detail.slice(name.length + 1) : detail;
}

/* What the services stand on. A strip without a frame: there is little to say while all is well. */
export function Stores({ rows }: { rows: StoreRow[] }) {
  return (
    <section id="stores" tabIndex={-1} className={styles.stores} aria-labelledby="stores-title">
      <h2 id="stores-title" className={styles.title}>
        Stores
      </h2>
      <ul className={styles.list}>
        {rows.map(({ store, ok, ms, detail }) => (
          <li
            key={store}
            className={classes(
              styles.store,
              ok === false ? tones.bad : tones.good,
              ok === false && styles.bad,
              ok === null && styles.unasked,
            )}
          >
            <span className={styles.name}>{store}</span>
            <span className={styles.detail}>
              {ok ? `answers in ${ms || 'under 1'} ms` : beside(store, detail ?? 'not asked')}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
