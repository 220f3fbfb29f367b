'use client';

/* The card and the button, and beside them whatever there is to say about the payment. */
import { useState, type FormEvent } from 'react';

import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { useMoney } from '@/components/money';
import { Notice } from '@/components/notice';
import type { CardElement } from '@/lib/stripe';
import type { PaymentControl } from '@/lib/use-payment';
import type { StripeState } from '@/lib/use-stripe';
import { CardField } from './card-field';
import styles from './pay-form.module.css';

interface PayFormProps {
  amount: number;
  stripe: StripeState;
  payment: PaymentControl;
  /* Stripe's test mode: which card to take. */
  test: boolean;
}

export function PayForm({ amount, stripe, payment, test }: PayFormProps) {
  const money = useMoney();
  const { state } = payment;
  const [card, setCard] = useState<CardElement | null>(null);
  /* What Stripe says of what is entered now; it replaces what was said of the last attempt. */
  const [entered, setEntered] = useState<{ problem: string | null; after: typeof state } | null>(
    null,
  );
  const message = state.kind === 'idle' ? state.message : null;
  const error = entered?.after === state ? entered.problem : message;
  const busy = state.kind !== 'idle';

  if (stripe.kind === 'failed')
    return (
      <Notice tone="bad" title="The card form cannot be loaded" live>
        <p>
          Our card processor does not answer, or something in this browser keeps its script away.
          The ticket is still held for you, and nothing was charged.
        </p>
        <Button look="secondary" small onClick={stripe.retry}>
          Try again
        </Button>
      </Notice>
    );

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (stripe.kind === 'ready' && card) payment.pay(stripe.stripe, card);
  };
  return (
    <form className={styles.form} onSubmit={submit} aria-busy={busy}>
      {stripe.kind === 'ready' ? (
        <CardField
          stripe={stripe.stripe}
          disabled={busy}
          error={error}
          onCard={setCard}
          onChange={problem => setEntered({ problem, after: state })}
        />
      ) : (
        <div className={styles.skeleton} role="status">
          <span className="visually-hidden">The card form is being loaded.</span>
          <noscript>Paying by card needs JavaScript.</noscript>
        </div>
      )}
      <Button type="submit" wide busy={busy} disabled={stripe.kind !== 'ready'}>
        {busy ? 'Paying' : 'Pay'} {money(amount)}
      </Button>
      <p className={styles.promise}>
        <Icon name="shield" size={18} />
        <span>
          You are charged only once the ticket is yours. Your card goes to Stripe, not to us.
        </span>
      </p>
      {test && (
        <p className={styles.test}>
          Test mode, no money moves: take card <code>4242 4242 4242 4242</code>, any later date and
          any code.
        </p>
      )}
    </form>
  );
}
