import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';
import type { Tone } from '@/lib/tone';
import { Icon, type IconName } from './icon';
import styles from './notice.module.css';
import tones from './tones.module.css';

type NoticeTone = Exclude<Tone, 'none'>;

const ICONS: Record<NoticeTone, IconName> = {
  bad: 'alert',
  warn: 'clock',
  good: 'check',
  info: 'alert',
};

interface NoticeProps {
  tone: NoticeTone;
  title?: string;
  children?: ReactNode;
  /* It appears in answer to something, and is read out at once (bad) or when there is time. */
  live?: boolean;
}

export function Notice({ tone, title, children, live = false }: NoticeProps) {
  const role = !live ? undefined : tone === 'bad' ? 'alert' : 'status';
  return (
    <div className={classes(styles.notice, tones[tone])} role={role}>
      <Icon name={ICONS[tone]} />
      <div className={styles.body}>
        {title && <p className={styles.title}>{title}</p>}
        {children}
      </div>
    </div>
  );
}
