/* What `ticketctl serve` answers under /api/ops. Times are ISO 8601 texts. */
import type { OrderCause, OrderStatus } from '../types';

/* One row a process; a service none of whose processes answers has one row, which says "away". */
export interface ServiceRow {
  service: string;
  instance: string | null;
  state: 'ready' | 'not ready' | 'away';
  version: string | null;
  pid: number | null;
  upSeconds: number | null;
  problems: string[];
  outboxWaiting: number | null;
  hears: string[];
  says: string[];
}

export interface StoreRow {
  store: string;
  ok: boolean | null; // null: it was not asked
  ms: number | null;
  detail: string | null;
}

export interface StreamRow {
  name: string;
  messages: number;
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  lastAt: string | null;
  events: { type: string; messages: number }[];
}

export interface ConsumerRow {
  durable: string;
  service: string;
  stream: string;
  pending: number; // the lag: not yet handed out
  ackPending: number; // handed out, not yet acknowledged
  redelivered: number; // of those, handed out before
  bound: boolean; // a process listens
}

export interface OutboxRow {
  service: string;
  waiting: number;
  oldestMs: number | null;
}

export interface LetterCount {
  service: string;
  count: number;
}

export interface Holds {
  created: number;
  awaitingPayment: number;
  overdue: number; // of these, past their end
  nextExpiresAt: string | null;
}

export interface Timers {
  waiting: number;
  leased: number;
}

export interface Audit {
  running: boolean;
  at: string | null; // null: none yet
  tookMs: number | null;
  stripe: boolean | null; // were Stripe's intents read too?
  checked: Record<string, number> | null;
  found: number | null;
  findings: { promise: string; text: string }[];
  problem: string | null;
}

/* A part that is null could not be read; `away` says why. */
export interface Overview {
  at: string;
  services: ServiceRow[] | null;
  stores: StoreRow[];
  streams: StreamRow[] | null;
  consumers: ConsumerRow[] | null;
  outboxes: OutboxRow[] | null;
  deadLetters: LetterCount[] | null;
  holds: Holds | null;
  timers: Timers | null;
  audit: Audit;
  away: Record<string, string>;
}

/* A message that could not be handled. The same id can lie with several services. */
export interface Letter {
  service: string;
  id: string;
  subject: string;
  eventId: string; // "" where the message has none
  aggregateId: string;
  reason: string;
  deliveries: number;
  replays: number;
  at: string;
}

export interface LetterWithBody extends Letter {
  body: string | null; // as it came; null: no text
}

/* An event, who said it and who hears it. */
export interface PathStep {
  at: string;
  from: string;
  to: string[];
  type: string;
  meaning: string;
  aggregateId: string;
  version: number | null;
  eventId: string;
  sequence: number;
  note: string | null; // the new status of what it is about; an order's with its cause: "cancelled: expired"
}

export interface PathOrder {
  id: string;
  status: OrderStatus;
  userId: string;
  ticketId: string;
  ticketTitle: string;
  price: number;
  version: number;
  createdAt: string;
  expiresAt: string;
  history: { status: OrderStatus; at: string; cause: OrderCause }[];
}

export interface OrderPath {
  at: string;
  order: PathOrder | null;
  participants: string[] | null;
  steps: PathStep[] | null;
  complete: boolean;
  away: Record<string, string>;
}
