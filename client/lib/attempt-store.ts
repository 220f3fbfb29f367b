'use client';

/*
 * A payment's attempt, kept over a reload of its tab: so that the page can ask the very same
 * question again, with the same key. Where storage is blocked, a reload waits for the stream.
 */
import type { Attempt } from './payment-state';

const name = (orderId: string) => `attempt:${orderId}`;

export function storeAttempt(orderId: string, attempt: Attempt | null): void {
  try {
    if (attempt) sessionStorage.setItem(name(orderId), JSON.stringify(attempt));
    else sessionStorage.removeItem(name(orderId));
  } catch {
    // blocked, or full
  }
}

export function storedAttempt(orderId: string): Attempt | null {
  try {
    return JSON.parse(sessionStorage.getItem(name(orderId)) ?? 'null') as Attempt | null;
  } catch {
    return null;
  }
}
