import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';
import { Icon, type IconName } from './icon';
import styles from './notice.module.css';

type Tone = 'bad' | 'warn' | 'good' | 'info';

const ICONS: Record<Tone, IconName> = { bad: 'alert', warn: 'clock', good: 'check', info: 'alert' };

interface NoticeProps {
  tone: Tone;
  title?: string;
  children?: ReactNode;
  /* It appears in answer to something, and is read out at once (bad) or when there is time. */
  live?: boolean;
}

export function Notice({ tone, title, children, live = false }: NoticeProps) {
  const role = !live ? undefined : tone === 'bad' ? 'alert' : 'status';
  return (
    <div className={classes(styles.notice, styles[tone])} role={role}>
      <Icon name={ICONS[tone]} />
      <div className={styles.body}>
        {title && <p className={styles.title}>{title}</p>}
        {children}
      </div>
    </div>
  );
}
