'use client';

import Link from 'next/link';

import { classes } from '@/lib/classes';
import { Time } from '../time';
import styles from './freshness.module.css';

interface FreshnessProps {
  at: string | null;
  failed: number | null;
  next: string;
}

/* How old what is shown is. Not announced: the verdict is. */
export function Freshness({ at, failed, next }: FreshnessProps) {
  if (failed === 401)
    return (
      <p className={classes(styles.freshness, styles.old)}>
        You are signed out. <Link href={`/auth/signin?next=${next}`}>Sign in again</Link>
      </p>
    );
  if (failed !== null)
    return (
      <p className={classes(styles.freshness, styles.old)}>
        {at ? (
          <span>
            As of <Time iso={at} show="clock" />, trying again
          </span>
        ) : (
          'No answer yet, trying again'
        )}
      </p>
    );
  if (at === null) return null;
  return (
    <p className={styles.freshness}>
      <span>
        Live <Time iso={at} show="clock" />
      </span>
    </p>
  );
}
