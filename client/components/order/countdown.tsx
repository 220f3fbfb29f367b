'use client';

/*
 * How long the ticket is still held: a ring that empties, the time in figures, and what it means.
 * The ring and the figures are for the eye; ears are told at five, two and one minutes.
 */
import { Time } from '@/components/time';
import tones from '@/components/tones.module.css';
import { classes } from '@/lib/classes';
import { announcement, clockText, shareLeft, urgency } from '@/lib/countdown';
import styles from './countdown.module.css';

const TONES = { calm: 'good', soon: 'warn', last: 'bad' } as const;

interface CountdownProps {
  seconds: number;
  expiresAt: string;
  /* How long the hold is in all. */
  holdMs: number;
}

export function Countdown({ seconds, expiresAt, holdMs }: CountdownProps) {
  const tone = TONES[urgency(seconds)];
  return (
    <div className={classes(styles.countdown, tones[tone], tone === 'bad' && styles.last)}>
      <svg className={styles.ring} viewBox="0 0 64 64" aria-hidden="true">
        <circle className={styles.track} cx="32" cy="32" r="28" />
        <circle
          className={styles.left}
          cx="32"
          cy="32"
          r="28"
          pathLength={100}
          strokeDasharray={`${(shareLeft(seconds, holdMs) * 100).toFixed(2)} 100`}
          transform="rotate(-90 32 32)"
        />
      </svg>
      <div className={styles.words}>
        <p className={styles.figures} role="timer" aria-live="off">
          <span className="visually-hidden">Time left: </span>
          {clockText(seconds)}
        </p>
        <p className={styles.until}>
          Held for you alone until <Time iso={expiresAt} show="clock" />
        </p>
      </div>
      <p className="visually-hidden" role="status">
        {announcement(seconds)}
      </p>
    </div>
  );
}
