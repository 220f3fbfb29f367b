import { BARS } from '@/lib/ops/rates';
import styles from './streams.module.css';

const WIDE = 4; // a bar with its space
const HIGH = 32;
const FLOOR = 5; // the scale's least top: a single event is no tower

/* Events of the last minutes as a row of bars. What it says stands beside it in words. */
export function Bars({ values }: { values: (number | null)[] }) {
  const top = Math.max(FLOOR, ...values.map(value => value ?? 0));
  return (
    <svg
      className={styles.bars}
      viewBox={`0 0 ${BARS * WIDE} ${HIGH}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {values.map((value, i) => {
        const high = value ? Math.max(2.5, ((HIGH - 2) * value) / top) : 1;
        return (
          <rect
            key={i}
            className={value ? styles.bar : value === 0 ? styles.zero : styles.unseen}
            x={i * WIDE}
            y={HIGH - high}
            width={WIDE - 1}
            height={high}
            rx={value ? 1 : 0}
          />
        );
      })}
    </svg>
  );
}
