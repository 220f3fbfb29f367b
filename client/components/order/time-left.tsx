'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';

import { Icon } from '@/components/icon';
import { classes } from '@/lib/classes';
import { clockText, secondsLeft, urgency } from '@/lib/countdown';
import { useNow } from '@/lib/use-now';
import styles from './order-list.module.css';

const AFTER_MS = 3000; // by then the server has let go of it, too

/* How long an order of the list is still held; when that is over, the list is drawn again. */
export function TimeLeft({ expiresAt, at }: { expiresAt: string; at: string }) {
  const router = useRouter();
  const seconds = secondsLeft(Date.parse(expiresAt), useNow(at));
  const over = seconds === 0;

  useEffect(() => {
    if (!over) return;
    const timer = setTimeout(() => router.refresh(), AFTER_MS);
    return () => clearTimeout(timer);
  }, [over, router]);

  return (
    <p className={classes(styles.left, styles[urgency(seconds)])}>
      <Icon name="clock" size={18} />
      {over ? 'Time is up' : <span className="figures">{clockText(seconds)} left</span>}
    </p>
  );
}
