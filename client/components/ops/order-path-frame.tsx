import Link from 'next/link';
import type { ReactNode } from 'react';

import { Icon } from '../icon';
import styles from './order-path.module.css';

/* The page's column, with the way back to the dashboard. */
export function OrderPathFrame({ children }: { children: ReactNode }) {
  return (
    <div className={`wrap ${styles.page}`}>
      <Link href="/ops" className={styles.back}>
        <Icon name="back" size={18} /> Operations
      </Link>
      {children}
    </div>
  );
}
