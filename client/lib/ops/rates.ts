/*
 * Event rates from successive overviews. A stream's last sequence grows by one with each event, so
 * the difference between two overviews is what was said between them; the page remembers the last
 * minutes' overviews and nothing is counted anywhere else.
 */
import type { Overview } from './types';

export const BAR_MS = 5000;
export const BARS = 60; // five minutes
const RATE_MS = 20_000;

/* What is remembered of one overview. */
export interface Sample {
  at: number; // ms since 1970, the server's clock
  last: Record<string, number>; // stream: last sequence
}

/* The samples with `overview` after them, without those that are too old to be drawn. An overview
 * that does not know the streams, or is not newer, adds none. */
export function remember(samples: Sample[], overview: Overview): Sample[] {
  const at = Date.parse(overview.at);
  const newest = samples.at(-1);
  if (!overview.streams || (newest && at <= newest.at)) return samples;
  const last = Object.fromEntries(overview.streams.map(row => [row.name, row.lastSequence]));
  return [...samples.filter(sample => sample.at > at - BAR_MS * (BARS + 1)), { at, last }];
}

/* What was said on a stream between a sample and the next; a stream made anew begins at 1 again. */
function said(before: Sample, after: Sample, stream: string): number {
  const from = before.last[stream];
  const to = after.last[stream];
  return from === undefined || to === undefined ? 0 : Math.max(0, to - from);
}

/* Events by interval of BAR_MS, oldest first, the one under way last. Intervals begin at round times
 * of the clock, so that a bar, once drawn, keeps its height and only moves. null: not yet watched. */
export function bars(samples: Sample[], stream: string): (number | null)[] {
  const newest = samples.at(-1);
  if (!newest) return Array<null>(BARS).fill(null);
  const current = Math.floor(newest.at / BAR_MS);
  const result = Array<number | null>(BARS).fill(null);
  samples.slice(1).forEach((after, i) => {
    const slot = BARS - 1 - (current - Math.floor(after.at / BAR_MS));
    if (slot >= 0) result[slot] = (result[slot] ?? 0) + said(samples[i]!, after, stream);
  });
  return result;
}

/* Events in a second, lately. null until two overviews are there. */
export function perSecond(samples: Sample[], stream: string): number | null {
  const newest = samples.at(-1);
  const oldest = samples.find(sample => newest && sample.at >= newest.at - RATE_MS);
  if (!newest || !oldest || oldest === newest) return null;
  return (said(oldest, newest, stream) * 1000) / (newest.at - oldest.at);
}
