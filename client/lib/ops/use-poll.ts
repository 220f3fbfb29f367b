'use client';

/*
 * Asks for something every two seconds while somebody looks at the page. A slow answer is waited for,
 * never asked for twice at a time; one that does not come is asked for again, and the caller says so
 * and keeps what it has.
 */
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';

import { ask } from '../browser';

const PAUSE_MS = 2000;
const TIMEOUT_MS = 5000;

export interface Poll {
  /* The status of the last reply that was no success; 0: none came; null: all is well. */
  failed: number | null;
  /* Ask now instead of later. */
  again: () => void;
}

/* `rendered`: the page came with an answer, so the first question can wait. `onData` hears each answer. */
export function usePoll<T>(path: string, rendered: boolean, onData: (data: T) => void): Poll {
  const [failed, setFailed] = useState<number | null>(null);
  const heard = useEffectEvent(onData);
  const now = useRef<() => void>(() => undefined);
  const first = useRef(rendered ? PAUSE_MS : 0);

  useEffect(() => {
    let ended = false;
    let asking = false;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const look = async () => {
      clearTimeout(timer);
      if (ended || asking || document.visibilityState === 'hidden') return;
      asking = true;
      const reply = await ask<T>(path, { timeoutMs: TIMEOUT_MS });
      asking = false;
      if (ended) return;
      if (reply.ok && reply.data) heard(reply.data);
      setFailed(reply.ok ? null : reply.status);
      timer = setTimeout(lookNow, PAUSE_MS);
    };
    const lookNow = () => void look();
    now.current = lookNow;
    timer = setTimeout(lookNow, first.current);
    document.addEventListener('visibilitychange', lookNow);
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', lookNow);
    };
  }, [path]);

  return { failed, again: useCallback(() => now.current(), []) };
}
