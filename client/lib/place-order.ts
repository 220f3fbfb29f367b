/*
 * Ordering a ticket, at the price the reader saw.
 *
 * A ticket that was just listed may be unknown to the orders service for a moment, and a click that
 * was sent twice may still be running: both are asked again for a while (askWhile). An idempotency
 * key names the click, so that asking again never makes two orders; where no answer came it is kept
 * for the next attempt (`unsure`).
 */
import { askWhile, type Reply } from './browser';
import type { Order } from './types';

export type Outcome =
  | { kind: 'ordered'; order: Order }
  | { kind: 'price'; seen: number; current: number }
  | { kind: 'taken' }
  | { kind: 'too-many' }
  | { kind: 'signed-out' }
  | { kind: 'unheard-of' } // or gone: tickets knows which
  | { kind: 'unsure'; message: string }
  | { kind: 'refused'; message: string };

type Answer = Order & { seenPrice?: number; currentPrice?: number };

function outcomeOf({ ok, status, data, errors }: Reply<Answer>): Outcome {
  const message = errors[0]?.message ?? '';
  if (ok && data) return { kind: 'ordered', order: data };
  if (status === 409 && data?.currentPrice !== undefined)
    return { kind: 'price', seen: data.seenPrice ?? 0, current: data.currentPrice };
  if (status === 401) return { kind: 'signed-out' };
  if (status === 404) return { kind: 'unheard-of' };
  if (status === 0 || status === 409 || status === 429 || status >= 500)
    return { kind: 'unsure', message };
  if (message === 'Ticket is already reserved') return { kind: 'taken' };
  if (message === 'Too many open orders') return { kind: 'too-many' };
  return { kind: 'refused', message };
}

export async function placeOrder(ticketId: string, price: number, key: string): Promise<Outcome> {
  const reply = await askWhile<Answer>(
    '/api/orders',
    { method: 'POST', body: { ticketId, price }, headers: { 'Idempotency-Key': key } },
    ({ status, data }) => status === 404 || (status === 409 && data?.currentPrice === undefined),
  );
  return outcomeOf(reply);
}
