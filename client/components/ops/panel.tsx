import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';
import { Icon } from '../icon';
import styles from './panel.module.css';

interface PanelProps {
  /* What links of the verdict lead to. */
  id: string;
  title: string;
  /* Beside the title: the total, the unit. */
  aside?: ReactNode;
  /* Why there is nothing to show, where its data could not be read. */
  away?: string | undefined;
  span?: 'full' | 'wide' | 'half' | 'third';
  children: ReactNode;
}

export function Panel({ id, title, aside, away, span = 'full', children }: PanelProps) {
  return (
    <section
      id={id}
      tabIndex={-1}
      className={classes(styles.panel, styles[span])}
      aria-labelledby={`${id}-title`}
    >
      <div className={styles.head}>
        <h2 id={`${id}-title`}>{title}</h2>
        {away === undefined && aside && <div className={styles.aside}>{aside}</div>}
      </div>
      {away === undefined ? (
        children
      ) : (
        <p className={styles.away}>
          <Icon name="alert" size={18} />
          Cannot be shown: {away}.
        </p>
      )}
    </section>
  );
}
