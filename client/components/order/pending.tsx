'use client';

/* A payment that is on its way: what is known of it, and what can be done about it meanwhile. */
import { Button } from '@/components/button';
import { Notice } from '@/components/notice';
import type { PaymentControl } from '@/lib/use-payment';
import type { StripeState } from '@/lib/use-stripe';

interface PendingProps {
  payment: PaymentControl;
  stripe: StripeState;
}

export function Pending({ payment, stripe }: PendingProps) {
  const { state, authenticate, askAgain } = payment;
  switch (state.kind) {
    case 'unsure':
      return (
        <Notice tone="warn" title="We do not know yet whether it went through" live>
          <p>No answer came. Nothing is paid twice; we are checking…</p>
        </Notice>
      );
    case 'stuck':
      return (
        <Notice tone="warn" title="We still do not know whether it went through" live>
          <p>
            The payment service does not answer. Nothing is paid twice, and nothing is taken for a
            ticket that you do not get. You may leave this page and come back.
          </p>
          <Button look="secondary" small onClick={askAgain}>
            Check again
          </Button>
        </Notice>
      );
    case 'authenticating':
      return (
        <Notice tone="info" title="Your bank wants to know that it is you" live>
          <p>Answer its question in the window that has opened.</p>
        </Notice>
      );
    case 'action':
      return (
        <Notice tone="info" title="Your bank wants to know that it is you" live>
          <p>The payment is not complete before you have answered it. Nothing is charged yet.</p>
          {stripe.kind === 'failed' && <p>Its window cannot be opened right now. Try again.</p>}
          <Button
            small
            busy={stripe.kind === 'loading'}
            onClick={() => {
              if (stripe.kind === 'ready') authenticate(stripe.stripe);
              else if (stripe.kind === 'failed') stripe.retry();
            }}
          >
            Continue with the bank
          </Button>
        </Notice>
      );
    case 'paid':
      return (
        <Notice tone="good" title="Paid" live>
          <p>We are making the ticket yours…</p>
        </Notice>
      );
    case 'idle':
      return (
        <Notice tone="info" title="A payment is under way">
          <p>
            It was begun in another window, or this page was left meanwhile. If your bank asks you
            something, answer it there. This page shows by itself how it ended; if it does not go
            through, you can pay here again.
          </p>
        </Notice>
      );
    default:
      return null; // the form's own button says it
  }
}
