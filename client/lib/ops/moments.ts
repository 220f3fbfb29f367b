/*
 * An order's path as a list of moments, which is drawn as a sequence and written as a list.
 *
 * The services tell events and the order its history. What people did is not an event of its own,
 * but the history's causes and the first event of a payment tell it: an order was ordered, paid for or
 * cancelled by its buyer, so a request of the buyer comes before each of these.
 */
import type { Tone } from '../tone';
import type { OrderCause } from '../types';
import type { OrderPath, PathOrder, PathStep } from './types';

export interface Moment {
  key: string;
  kind: 'request' | 'event' | 'state';
  at: string | null; // a request: its time is not recorded
  from: string;
  to: string[];
  label: string; // "order.created", "places an order"
  version: number | null;
  meaning: string;
  status: string | null; // the sayer's new state
}

const CAUSES: Record<OrderCause, string> = {
  ordered: 'The order is made, and the ticket is to be held for it',
  'payment-started': 'A payment began, so the ticket is held on for it',
  'payment-authorized': 'The payment is authorised',
  'payment-failed': 'The payment failed; the rest of the hold goes on',
  'buyer-cancelled': 'The order is cancelled by its buyer',
  expired: 'The hold ran out',
  'ticket-withdrawn': 'The seller withdrew the ticket',
  'user-banned': 'The buyer was banned',
};

/* What some states mean, where the event's own meaning covers several. */
const STATES: Record<string, string> = {
  'ticket.updated reserved': 'The ticket is held for this order',
  'ticket.updated available': 'The ticket is free again',
  'ticket.updated sold': 'The ticket is sold',
  'payment.started started': 'A payment has begun',
  'payment.started requires_action': 'The buyer’s bank asks the buyer to confirm the payment',
};

/* A step with its note in parts: orders write "cancelled: expired". */
interface Told extends PathStep {
  status: string | null;
  cause: OrderCause | null;
}

/* A cause that an event does not name is looked up in the history, which has an entry for each. */
function tell(steps: PathStep[], order: PathOrder | null): Told[] {
  const left = [...(order?.history ?? [])];
  return steps.map(step => {
    const [status = null, named] = step.note?.split(': ') ?? [];
    const at = step.from === 'orders' ? left.findIndex(entry => entry.status === status) : -1;
    const entry = at < 0 ? undefined : left.splice(0, at + 1)[at];
    return { ...step, status, cause: (named as OrderCause | undefined) ?? entry?.cause ?? null };
  });
}

/* What the buyer did just before an event; null where it was no deed of the buyer. `first`: nothing
 * was told of this payment, order or ticket before. */
function requestBefore(step: Told, first: boolean): Moment | null {
  const request = (label: string, meaning: string): Moment => ({
    key: `before ${step.eventId}`,
    kind: 'request',
    at: null,
    from: 'buyer',
    to: [step.from],
    label,
    version: null,
    meaning,
    status: null,
  });
  if (step.cause === 'ordered') return request('orders', 'The buyer orders the ticket.');
  if (step.cause === 'buyer-cancelled') return request('cancels', 'The buyer cancels the order.');
  if (step.type === 'payment.started' && first)
    return request('pays', 'The buyer pays with a card.');
  return null;
}

function historyAlone({ order }: OrderPath): Moment[] {
  return (order?.history ?? []).map(({ status, at, cause }, i) => ({
    key: `history ${i}`,
    kind: 'state',
    at,
    from: 'orders',
    to: [],
    label: CAUSES[cause] ?? cause,
    version: null,
    meaning: CAUSES[cause] ?? cause,
    status,
  }));
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/* The path's moments by time. Without events (the bus is away) those of the order's history. */
export function moments(path: OrderPath): Moment[] {
  if (!path.steps) return historyAlone(path);
  const known = new Set<string>();
  return tell(path.steps, path.order).flatMap(step => {
    const { cause, status } = step;
    const request = requestBefore(step, !known.has(step.aggregateId));
    known.add(step.aggregateId);
    const why = (cause && CAUSES[cause]) ?? STATES[`${step.type} ${status}`] ?? step.meaning;
    const event: Moment = {
      key: step.eventId,
      kind: 'event',
      at: step.at,
      from: step.from,
      to: step.to,
      label: step.type,
      version: step.version,
      meaning: sentence(why),
      status,
    };
    return request ? [request, event] : [event];
  });
}

/* A status as it is read: "awaiting payment". */
export function statusWords(status: string): string {
  return status.replace(/[:_]/g, ' ');
}

/* Open and waiting, on its way, done, gone wrong, over: for every service's states alike. */
const TONES: Record<string, Tone> = {
  available: 'none',
  reserved: 'warn',
  created: 'warn',
  'awaiting:payment': 'info',
  started: 'info',
  requires_action: 'info',
  authorized: 'info',
  complete: 'good',
  sold: 'good',
  captured: 'good',
  failed: 'bad',
};

export function statusTone(status: string): Tone {
  return TONES[status] ?? 'none';
}
