import type { ReactNode } from 'react';

import { Icon, type IconName } from './icon';
import styles from './empty.module.css';

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
}

/* A list with nothing in it: says why, and offers the way on. */
export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <span className={styles.sign}>
        <Icon name={icon} size={28} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
