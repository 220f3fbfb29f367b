'use client';

/*
 * Live: hears a stream of the API (server-sent events) while the page is looked at.
 *
 * Browsers open at most six connections to a host, and each stream keeps one: so a hidden tab closes
 * its own and opens a new one when it is shown. Where a stream cannot be had (a proxy between that
 * does not let it through, a session that is over, a 503), the page's data are loaded every few
 * seconds instead, until a new attempt succeeds.
 */
import { useEffect, useEffectEvent, useState } from 'react';

const POLL_MS = 5000;
const RETRY_MS = 20000;

export interface LiveHandlers<T> {
  /* Something was said. */
  onEvent: (data: T) => void;
  /* Something may have been missed: load anew. Called when a stream begins, because the page was
   * drawn before, and for each poll. */
  onGap: () => void;
}

export type Liveness = 'connecting' | 'live' | 'polling';

/* Hear events called `name` of `path`; null: none for now. */
export function useLive<T>(path: string | null, name: string, handlers: LiveHandlers<T>): Liveness {
  const [liveness, setLiveness] = useState<Liveness>('connecting');
  const onEvent = useEffectEvent(handlers.onEvent);
  const onGap = useEffectEvent(handlers.onGap);

  useEffect(() => {
    if (path === null) return;
    let source: EventSource | null = null;
    let polling: ReturnType<typeof setInterval> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let missed = true; // a stream that the browser itself takes up again has missed nothing

    const stop = () => {
      source?.close();
      source = null;
      clearInterval(polling);
      clearTimeout(retry);
    };
    const poll = () => {
      setLiveness('polling');
      onGap();
      clearInterval(polling);
      polling = setInterval(onGap, POLL_MS);
      clearTimeout(retry);
      retry = setTimeout(start, RETRY_MS);
    };
    const start = () => {
      source?.close();
      missed = true;
      source = new EventSource(path);
      source.onopen = () => {
        clearInterval(polling);
        setLiveness('live');
        if (missed) onGap();
        missed = false;
      };
      source.addEventListener(name, event =>
        onEvent(JSON.parse((event as MessageEvent<string>).data) as T),
      );
      source.addEventListener('reset', () => onGap());
      source.onerror = () => {
        // An EventSource that lost its connection tries again by itself, from the last event it
        // heard; one that was refused is closed.
        if (source?.readyState === EventSource.CLOSED) poll();
      };
    };
    const look = () => {
      stop();
      if (document.visibilityState === 'visible') start();
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      stop();
    };
  }, [path, name]);

  return liveness;
}
