/*
 * Paying as a machine of states, without a browser: what each answer leads to, and that no way
 * leads to a second charge.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stageOf } from '../../../client/lib/order-stage';
import {
  IDLE,
  NOT_CONFIRMED,
  nextPayment,
  pauseMs,
  verdictOf,
  type Attempt,
  type PaymentEvent,
  type PaymentState,
  type Verdict,
} from '../../../client/lib/payment-state';
import type { Order, OrderStatus, Payment, PaymentStatus } from '../../../client/lib/types';

const attempt: Attempt = { token: 'tok', key: 'k', returns: 0, bankSaid: null };
const answered = (verdict: Verdict): PaymentEvent => ({ type: 'verdict', verdict });

function after(...events: PaymentEvent[]): PaymentState {
  return events.reduce(nextPayment, IDLE);
}

const asked = [{ type: 'pay' }, { type: 'token', attempt }] satisfies PaymentEvent[];

function payment(status: PaymentStatus, clientSecret?: string): Payment {
  const known = { id: 'p', orderId: 'o', amount: 1, currency: 'usd', status, version: 1 };
  return clientSecret ? { ...known, clientSecret } : known;
}

test('a second click changes nothing, whatever the first has come to', () => {
  const states = [
    after({ type: 'pay' }),
    after(...asked),
    after(...asked, answered({ kind: 'unknown' })),
    after(...asked, answered({ kind: 'action', clientSecret: 's' })),
    after(...asked, answered({ kind: 'accepted' })),
  ];
  for (const state of states) assert.equal(nextPayment(state, { type: 'pay' }), state, state.kind);
});

test('an attempt keeps its key for as long as it is not known how it ended', () => {
  let state = after(...asked);
  for (let i = 0; i < 20 && state.kind !== 'stuck'; i++) {
    assert('attempt' in state);
    assert.equal(state.attempt.key, 'k');
    state = nextPayment(state, answered({ kind: 'unknown' }));
  }
  assert.equal(state.kind, 'stuck');
  const again = nextPayment(state, { type: 'ask-again' });
  assert(again.kind === 'unsure' && again.attempt.key === 'k');
});

test('a refusal gives the card back with its reason, and the next attempt is a new one', () => {
  const state = after(...asked, answered({ kind: 'refused', message: 'Declined' }));
  assert.deepEqual(state, { kind: 'idle', message: 'Declined' });
  assert.deepEqual(nextPayment(state, { type: 'pay' }), { kind: 'reading' });
});

test('a card that cannot be read is no attempt', () => {
  const state = after({ type: 'pay' }, { type: 'no-token', message: 'Unreadable' });
  assert.deepEqual(state, { kind: 'idle', message: 'Unreadable' });
});

test('the bank’s window opens by itself once, and then on request', () => {
  const action = answered({ kind: 'action', clientSecret: 's' });
  const first = after(...asked, action);
  assert.equal(first.kind, 'authenticating');
  const back = nextPayment(first, { type: 'returned', bankSaid: null });
  assert(back.kind === 'paying' && back.attempt.returns === 1);
  const second = nextPayment(back, action);
  assert.equal(second.kind, 'action');
  assert.equal(nextPayment(second, { type: 'authenticate' }).kind, 'authenticating');
});

test('what the bank said is what the buyer is told, when the API then refuses', () => {
  const state = after(
    ...asked,
    answered({ kind: 'action', clientSecret: 's' }),
    { type: 'returned', bankSaid: NOT_CONFIRMED },
    answered({ kind: 'refused', message: 'Payment failed' }),
  );
  assert.deepEqual(state, { kind: 'idle', message: NOT_CONFIRMED });
});

test('a reload takes an attempt up as one of which nothing is known', () => {
  const state = after({ type: 'resume', attempt });
  assert.deepEqual(state, { kind: 'unsure', attempt, asked: 0 });
  const paid = after(...asked, answered({ kind: 'accepted' }));
  assert.equal(nextPayment(paid, { type: 'resume', attempt }), paid);
});

test('an early question is asked again soon, and not for ever', () => {
  let state = after(...asked);
  let early = 0;
  for (; state.kind === 'paying'; early++) {
    assert(pauseMs(state) <= 500);
    state = nextPayment(state, answered({ kind: 'early' }));
  }
  assert.equal(state.kind, 'unsure');
  assert(early > 2 && early < 10, `${early} times`);
});

test('pauses of not knowing grow', () => {
  const pauses: number[] = [];
  for (let state = after({ type: 'resume', attempt }); state.kind === 'unsure';) {
    pauses.push(pauseMs(state));
    state = nextPayment(state, answered({ kind: 'unknown' }));
  }
  assert(pauses.length > 2);
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
});

test('each answer of the API is one of five verdicts', () => {
  const kind = (...args: Parameters<typeof verdictOf>) => verdictOf(...args).kind;
  assert.equal(kind(201, payment('authorized'), []), 'accepted');
  assert.equal(kind(200, payment('captured'), []), 'accepted');
  assert.equal(kind(201, payment('requires_action', 's'), []), 'action');
  assert.equal(kind(201, payment('requires_action'), []), 'unknown');
  assert.equal(kind(201, payment('started'), []), 'unknown');
  assert.equal(kind(201, payment('voided'), []), 'refused');
  assert.equal(kind(404, null, []), 'early');
  assert.equal(kind(409, null, []), 'early');
  for (const status of [0, 429, 500, 503, 504]) assert.equal(kind(status, null, []), 'unknown');
  assert.deepEqual(verdictOf(400, null, [{ message: 'Your card was declined.' }]), {
    kind: 'refused',
    message: 'Your card was declined.',
  });
});

function order(status: OrderStatus, cause = 'ordered'): Order {
  const history = [{ status, at: '2026-01-01T00:00:00.000Z', cause }] as Order['history'];
  const ticket = { id: 't', title: 'T', price: 1, version: 0 };
  return { id: 'o', status, userId: 'u', expiresAt: '', ticket, version: 0, history };
}

test('the order decides what its page is about, and only then the payment and the time', () => {
  const paying = after(...asked);
  assert.equal(stageOf(order('complete'), paying, 0), 'paid');
  assert.equal(stageOf(order('cancelled', 'expired'), paying, 10), 'expired');
  assert.equal(stageOf(order('cancelled', 'buyer-cancelled'), IDLE, 10), 'cancelled');
  assert.equal(stageOf(order('created'), IDLE, 10), 'pay');
  assert.equal(stageOf(order('created'), IDLE, 0), 'late');
  assert.equal(stageOf(order('created'), paying, 0), 'pay'); // what runs is not taken away
  assert.equal(stageOf(order('awaiting:payment'), IDLE, 10), 'pending');
  assert.equal(stageOf(order('created'), after({ type: 'resume', attempt }), 10), 'pending');
});
