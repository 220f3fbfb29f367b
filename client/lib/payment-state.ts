/*
 * Paying for an order, as the page goes through it: a function from state and event to state. What
 * is done in each state (asking Stripe, asking the API) is in use-payment.ts.
 *
 *   idle ─► reading ─► paying ──────────────► paid
 *    ▲        │         │ ▲ │ no answer
 *    └────────┴─────────┤ │ └► unsure ─► stuck   (the same question again, with the same key)
 *             refused   │ └── authenticating ◄─► action
 *                       └──────► the bank asks the buyer
 *
 * Nobody pays twice: an attempt keeps its Idempotency-Key for as long as it is not known how it
 * ended, and the API has at most one live payment for an order, whatever the key is.
 */
import type { ApiError, Payment } from './types';

/* One card, tried once. Stripe's token stands for the card and is worth nothing without our key. */
export interface Attempt {
  token: string;
  key: string;
  /* How often the buyer was sent to the bank: each return is a question of its own to the API. */
  returns: number;
  /* What was said there, where it did not go well. */
  bankSaid: string | null;
}

export type PaymentState =
  | { kind: 'idle'; message: string | null }
  | { kind: 'reading' }
  | { kind: 'paying'; attempt: Attempt; asked: number }
  | { kind: 'unsure'; attempt: Attempt; asked: number }
  | { kind: 'stuck'; attempt: Attempt }
  | { kind: 'authenticating'; attempt: Attempt; clientSecret: string }
  | { kind: 'action'; attempt: Attempt; clientSecret: string }
  | { kind: 'paid' };

/* What the API's answer to a payment means. */
export type Verdict =
  | { kind: 'accepted' }
  | { kind: 'action'; clientSecret: string }
  | { kind: 'refused'; message: string }
  | { kind: 'early' } // not yet known there (404), or the same question still runs (409)
  | { kind: 'unknown' };

export type PaymentEvent =
  | { type: 'pay' }
  | { type: 'no-token'; message: string }
  | { type: 'token'; attempt: Attempt }
  | { type: 'ask-again' }
  | { type: 'verdict'; verdict: Verdict }
  | { type: 'authenticate' }
  | { type: 'returned'; bankSaid: string | null }
  /* An attempt that a reload has interrupted. */
  | { type: 'resume'; attempt: Attempt };

export const IDLE: PaymentState = { kind: 'idle', message: null };

const EARLY_PAUSE_MS = 400;
const EARLY_TIMES = 5;
const UNSURE_PAUSES_MS = [1500, 3000, 5000, 8000, 12000];

export const NOT_CONFIRMED =
  'Your bank did not confirm this payment, and nothing was charged. Try again, or use another card.';
const NOT_TAKEN = 'The payment did not go through, and nothing was charged.';

export function verdictOf(status: number, payment: Payment | null, errors: ApiError[]): Verdict {
  if (status === 200 || status === 201)
    switch (payment?.status) {
      case 'authorized':
      case 'captured':
        return { kind: 'accepted' };
      case 'requires_action':
        return payment.clientSecret
          ? { kind: 'action', clientSecret: payment.clientSecret }
          : { kind: 'unknown' };
      case 'failed':
      case 'voided':
      case 'refunded':
        return { kind: 'refused', message: NOT_TAKEN };
      default:
        return { kind: 'unknown' }; // another request is at it
    }
  if (status === 404 || status === 409) return { kind: 'early' };
  // 429 included: an earlier question with this key may have come through.
  if (status === 0 || status === 429 || status >= 500) return { kind: 'unknown' };
  return { kind: 'refused', message: errors[0]?.message ?? NOT_TAKEN };
}

/* How long to wait before the question of this state is asked. */
export function pauseMs(state: PaymentState): number {
  if (state.kind === 'paying' && state.asked > 0) return EARLY_PAUSE_MS;
  return state.kind === 'unsure' ? (UNSURE_PAUSES_MS[state.asked] ?? 0) : 0;
}

function judge(
  state: Extract<PaymentState, { kind: 'paying' | 'unsure' }>,
  verdict: Verdict,
): PaymentState {
  const { attempt } = state;
  switch (verdict.kind) {
    case 'accepted':
      return { kind: 'paid' };
    case 'refused':
      return { kind: 'idle', message: attempt.bankSaid ?? verdict.message };
    case 'action': {
      // The bank's window opens by itself once, right after the buyer's click; later on request.
      const kind = state.kind === 'paying' && attempt.returns === 0 ? 'authenticating' : 'action';
      return { kind, attempt, clientSecret: verdict.clientSecret };
    }
    case 'early':
      if (state.kind === 'paying' && state.asked < EARLY_TIMES)
        return { ...state, asked: state.asked + 1 };
      break;
    case 'unknown':
      break;
  }
  const asked = state.kind === 'unsure' ? state.asked + 1 : 0;
  return asked < UNSURE_PAUSES_MS.length
    ? { kind: 'unsure', attempt, asked }
    : { kind: 'stuck', attempt };
}

/* The next state; the same one where the event does not belong to it (a second click). */
export function nextPayment(state: PaymentState, event: PaymentEvent): PaymentState {
  switch (event.type) {
    case 'pay':
      return state.kind === 'idle' ? { kind: 'reading' } : state;
    case 'no-token':
      return state.kind === 'reading' ? { kind: 'idle', message: event.message } : state;
    case 'token':
      return state.kind === 'reading'
        ? { kind: 'paying', attempt: event.attempt, asked: 0 }
        : state;
    case 'ask-again':
      return state.kind === 'stuck' ? { kind: 'unsure', attempt: state.attempt, asked: 0 } : state;
    case 'verdict':
      return state.kind === 'paying' || state.kind === 'unsure'
        ? judge(state, event.verdict)
        : state;
    case 'authenticate':
      return state.kind === 'action' ? { ...state, kind: 'authenticating' } : state;
    case 'returned':
      if (state.kind !== 'authenticating') return state;
      return {
        kind: 'paying',
        attempt: {
          ...state.attempt,
          returns: state.attempt.returns + 1,
          bankSaid: event.bankSaid,
        },
        asked: 0,
      };
    case 'resume':
      return state.kind === 'idle' ? { kind: 'unsure', attempt: event.attempt, asked: 0 } : state;
  }
}
