/*
 * Saving what a seller wrote, so that an answer that was lost does no harm.
 *
 * Of a new ticket an idempotency key names what was written: the same again makes no second ticket
 * (keyOf). One that is there is saved over the version that the seller had in front of them, and no
 * other. Where that is refused because there is another, that one may be ours: saved by an attempt
 * whose answer was lost, or by the edge, which sends a PUT again itself. So it is looked at.
 */
import { ask, askWhile, type Reply } from './browser';
import type { ApiError, Ticket } from './types';

/* As it stands in the form, but for the price's comma. */
export interface Written {
  title: string;
  price: string;
}

export type Saved =
  | { kind: 'saved'; id: string }
  | { kind: 'changed'; now: Ticket } // by somebody else: nothing was saved
  | { kind: 'signed-out' }
  | { kind: 'refused'; errors: ApiError[] };

const STILL_RUNNING = 'Your first click is still under way. Try again in a moment.';

function savedOf({ ok, status, data, errors }: Reply<Ticket>): Saved {
  if (ok && data) return { kind: 'saved', id: data.id };
  if (status === 401) return { kind: 'signed-out' };
  if (status === 409) return { kind: 'refused', errors: [{ message: STILL_RUNNING }] };
  return { kind: 'refused', errors };
}

/* Put it up for sale; `key` names what was written. */
export async function listTicket(written: Written, key: string): Promise<Saved> {
  const question = { method: 'POST', body: written, headers: { 'Idempotency-Key': key } } as const;
  return savedOf(await askWhile<Ticket>('/api/tickets', question, ({ status }) => status === 409));
}

function says(ticket: Ticket, { title, price }: Written): boolean {
  return ticket.title === title.trim() && ticket.price === Number(price);
}

/* Save it over `base`. */
export async function editTicket(base: Ticket, written: Written): Promise<Saved> {
  const path = `/api/tickets/${base.id}`;
  const headers = { 'If-Match': `"${base.version}"` };
  const reply = await ask<Ticket>(path, { method: 'PUT', body: written, headers });
  if (reply.status !== 412) return savedOf(reply);
  const { ok, data: now, errors } = await ask<Ticket>(path);
  if (!ok || !now) return { kind: 'refused', errors };
  return says(now, written) ? { kind: 'saved', id: now.id } : { kind: 'changed', now };
}
