'use client';

/*
 * The server's time in whole seconds, for whatever shows it. What the server rendered is its time of
 * the answer, and the browser begins with the same; from then on its own clock, set by the server's
 * (clock.ts), goes on. Each reading is of the clock, not of a count of ticks: so it is right at once
 * after a sleep, in a tab that was hidden, and on a page that the back button brings back.
 */
import { useState, useSyncExternalStore } from 'react';

import { noteFirstServerTime, serverTime } from './clock';

function subscribe(changed: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const tick = () => {
    changed();
    clearTimeout(timer);
    timer = setTimeout(tick, 1000 - (serverTime() % 1000));
  };
  tick();
  document.addEventListener('visibilitychange', tick);
  window.addEventListener('pageshow', tick);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', tick);
    window.removeEventListener('pageshow', tick);
  };
}

/* `at`: the server's time when it answered. */
export function useNow(at: string): number {
  useState(() => noteFirstServerTime(Date.parse(at)));
  return useSyncExternalStore(
    subscribe,
    () => Math.floor(serverTime() / 1000),
    () => Math.floor(Date.parse(at) / 1000),
  );
}
