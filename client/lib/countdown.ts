/*
 * What a countdown says. Plain functions of the seconds that are left, so that they can be tested
 * without a clock.
 */

/* Whole seconds until `deadlineMs`, by a clock that shows whole seconds: never zero too early. */
export function secondsLeft(deadlineMs: number, nowSeconds: number): number {
  return Math.max(0, Math.ceil(deadlineMs / 1000 - nowSeconds));
}

/* "14:05" */
export function clockText(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/* Which part of the hold is left, 0..1. */
export function shareLeft(seconds: number, holdMs: number): number {
  return holdMs > 0 ? Math.min(1, (seconds * 1000) / holdMs) : 0;
}

export type Urgency = 'calm' | 'soon' | 'last';

export function urgency(seconds: number): Urgency {
  if (seconds > 300) return 'calm';
  return seconds > 60 ? 'soon' : 'last';
}

/*
 * What a screen reader is told. The text changes at five, two and one minutes and at zero, and is
 * the same in between: a live region that holds it speaks at those four moments, not each second,
 * and after a sleep it says only the one that holds now.
 */
export function announcement(seconds: number): string {
  if (seconds > 300) return '';
  if (seconds > 120) return 'Less than 5 minutes left to pay.';
  if (seconds > 60) return 'Less than 2 minutes left to pay.';
  return seconds > 0 ? 'Less than 1 minute left to pay.' : 'The time to pay is over.';
}
