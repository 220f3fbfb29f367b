'use client';

/*
 * Does what payment-state.ts says: has Stripe turn the card into a token, asks the API to charge it,
 * sends the buyer to the bank where that is wanted, and asks again for as long as it is not known
 * how an attempt ended.
 */
import { useCallback, useEffect, useRef, useState } from 'react';

import { storeAttempt, storedAttempt } from './attempt-store';
import { ask } from './browser';
import { newKey } from './idempotency-key';
import { IDLE, NOT_CONFIRMED, nextPayment, pauseMs, verdictOf } from './payment-state';
import type { Attempt, PaymentEvent, PaymentState, Verdict } from './payment-state';
import type { CardElement, Stripe } from './stripe';
import type { Payment } from './types';
import type { LiveOrder } from './use-order';

const TOKEN_TIMEOUT_MS = 20000;
const SETTLE_MS = 2000; // for the order to hear of a refusal
const FINISH_MS = 60000; // for the order to complete

const NO_TOKEN =
  'The card could not be read, and nothing was charged. Check what you entered, and try again.';

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

async function readCard(stripe: Stripe, card: CardElement): Promise<PaymentEvent> {
  const late = sleep(TOKEN_TIMEOUT_MS).then(() => ({
    error: { message: NO_TOKEN },
    token: undefined,
  }));
  try {
    const { token, error } = await Promise.race([stripe.createToken(card), late]);
    if (token)
      return {
        type: 'token',
        attempt: { token: token.id, key: newKey(), returns: 0, bankSaid: null },
      };
    return { type: 'no-token', message: error?.message ?? NO_TOKEN };
  } catch {
    return { type: 'no-token', message: NO_TOKEN };
  }
}

async function charge(orderId: string, attempt: Attempt): Promise<Verdict> {
  const reply = await ask<Payment>('/api/payments', {
    method: 'POST',
    body: { orderId, token: attempt.token },
    // The API keeps its answer to a key; back from the bank, a new answer is wanted.
    headers: { 'idempotency-key': `${attempt.key}-${attempt.returns}` },
  });
  return verdictOf(reply.status, reply.data, reply.errors);
}

/* Why it was not confirmed, or null. Whatever it says, the API is asked next: it hears the truth
 * from Stripe's server. */
async function visitBank(stripe: Stripe, clientSecret: string): Promise<string | null> {
  try {
    const { error, paymentIntent } = await stripe.confirmCardPayment(clientSecret);
    if (error) return error.message ?? NOT_CONFIRMED;
    return paymentIntent?.status === 'requires_payment_method' ? NOT_CONFIRMED : null;
  } catch {
    return NOT_CONFIRMED;
  }
}

export interface PaymentControl {
  state: PaymentState;
  pay: (stripe: Stripe, card: CardElement) => void;
  /* Open the bank's window (again). */
  authenticate: (stripe: Stripe) => void;
  askAgain: () => void;
}

export function usePayment(live: LiveOrder, stripe: Stripe | null): PaymentControl {
  const { order, newest, waitFor } = live;
  const [state, setState] = useState(IDLE);
  const current = useRef(IDLE);
  const bank = useRef(stripe);
  useEffect(() => {
    bank.current = stripe;
  }, [stripe]);

  /* Tell the machine; its answer holds at once, also for a second click in the same instant. */
  const tell = useCallback((event: PaymentEvent) => {
    const before = current.current;
    current.current = nextPayment(before, event);
    if (current.current !== before) setState(current.current);
    return current.current !== before;
  }, []);

  /* Go on until the state is one that waits for the buyer, or for the order. */
  const carryOn = useCallback(async () => {
    for (;;) {
      const now = current.current;
      if (now.kind === 'paying' || now.kind === 'unsure') {
        storeAttempt(order.id, now.attempt);
        await sleep(pauseMs(now));
        const { version } = newest();
        const verdict = await charge(order.id, now.attempt);
        if (verdict.kind === 'refused') {
          // First the order hears of it and waits for a card again, then the field is given back.
          storeAttempt(order.id, null);
          await waitFor(
            next => next.version > version && next.status !== 'awaiting:payment',
            SETTLE_MS,
          );
        }
        tell({ type: 'verdict', verdict });
      } else if (now.kind === 'authenticating' && bank.current) {
        const bankSaid = await visitBank(bank.current, now.clientSecret);
        tell({ type: 'returned', bankSaid });
      } else if (now.kind === 'paid') {
        storeAttempt(order.id, null);
        await waitFor(({ status }) => status === 'complete' || status === 'cancelled', FINISH_MS);
        return;
      } else return;
    }
  }, [order.id, newest, tell, waitFor]);

  const pay = useCallback(
    (by: Stripe, card: CardElement) => {
      if (!tell({ type: 'pay' })) return;
      void readCard(by, card).then(tell).then(carryOn);
    },
    [tell, carryOn],
  );
  const authenticate = useCallback(
    (by: Stripe) => {
      bank.current = by;
      if (tell({ type: 'authenticate' })) void carryOn();
    },
    [tell, carryOn],
  );
  const askAgain = useCallback(() => {
    if (tell({ type: 'ask-again' })) void carryOn();
  }, [tell, carryOn]);

  // A reload in the midst of a payment takes up the attempt where it was.
  const interrupted = order.status === 'awaiting:payment';
  useEffect(() => {
    const attempt = interrupted ? storedAttempt(order.id) : null;
    if (!attempt) return;
    void Promise.resolve().then(async () => {
      if (tell({ type: 'resume', attempt })) await carryOn();
    });
  }, [interrupted, order.id, tell, carryOn]);

  return { state, pay, authenticate, askAgain };
}
