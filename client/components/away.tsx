'use client';

/*
 * What stands where a service's data should be while that service does not answer. It tries again
 * by itself, at growing pauses, without losing what the reader has typed elsewhere on the page.
 */
import { useRouter } from 'next/navigation';
import { useEffect, useState, useTransition } from 'react';

import { Button } from './button';
import { Notice } from './notice';

const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 15000;

/* `what` begins a sentence: "The tickets". */
export function Away({ what }: { what: string }) {
  const router = useRouter();
  const [tries, setTries] = useState(0);
  const [trying, startTransition] = useTransition();

  useEffect(() => {
    const pause = Math.min(FIRST_PAUSE_MS * 1.6 ** tries, LONGEST_PAUSE_MS);
    const timer = setTimeout(() => {
      startTransition(() => router.refresh());
      setTries(tries + 1);
    }, pause);
    return () => clearTimeout(timer);
  }, [router, tries]);

  return (
    <Notice tone="warn" title={`${what} cannot be shown right now`} live>
      <p>
        That part of the marketplace does not answer. Nothing you did is lost; this page tries again
        by itself.
      </p>
      <Button
        look="secondary"
        small
        busy={trying}
        onClick={() => startTransition(() => router.refresh())}
      >
        Try now
      </Button>
    </Notice>
  );
}
