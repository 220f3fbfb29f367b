'use client';

/*
 * The server's clock, as far as a browser can know it: deadlines are the server's, and a reader's
 * own clock may be minutes off. Each reply's Date tells the offset to within half a second; the
 * wall clock goes on while a computer sleeps, so the offset stays right.
 */
let offsetMs = 0;
let known = false;

/* Learn from a reply (lib/browser.ts). */
export function noteServerTime(serverNow: number | null): void {
  if (serverNow === null) return;
  const offset = serverNow - Date.now();
  // Within the second's resolution there is nothing to learn, and a countdown should not jump.
  if (!known || Math.abs(offset - offsetMs) > 700) offsetMs = offset;
  known = true;
}

/* Learn from the page itself, before any reply has come. A page may have been drawn long ago (the
 * back button), so this never corrects what is known. */
export function noteFirstServerTime(serverNow: number): void {
  if (!known && typeof window !== 'undefined') noteServerTime(serverNow);
}

export function serverTime(): number {
  return Date.now() + offsetMs;
}
