'use client';

/*
 * One order, from the hold to the ticket. What is shown follows from two things alone: how the order
 * stands (the server's word, live) and how far a payment made on this page has come.
 */
import { useEffect, useRef } from 'react';

import { ButtonLink } from '@/components/button';
import { Icon } from '@/components/icon';
import { Notice } from '@/components/notice';
import { classes } from '@/lib/classes';
import { secondsLeft } from '@/lib/countdown';
import { isOpen, stageOf, type Stage } from '@/lib/order-stage';
import type { Order } from '@/lib/types';
import { useNow } from '@/lib/use-now';
import { useOrder } from '@/lib/use-order';
import { usePayment } from '@/lib/use-payment';
import { useStripe, type StripeConfig } from '@/lib/use-stripe';
import bank from './bank.module.css';
import { CancelOrder } from './cancel-order';
import { Countdown } from './countdown';
import styles from './order-page.module.css';
import { Over } from './over';
import { Paid } from './paid';
import { PayForm } from './pay-form';
import { Pending } from './pending';
import { Stub } from './stub';
import { Timeline } from './timeline';

const CONFIRM_END_MS = 60000;

const TITLES: Record<Stage, string> = {
  pay: 'Almost yours',
  pending: 'Finishing your payment',
  late: 'The time to pay is over',
  paid: 'The ticket is yours',
  expired: 'The time to pay ran out',
  cancelled: 'This order was cancelled',
};

interface OrderPageProps {
  drawn: Order;
  /* The server's time when it was drawn. */
  at: string;
  stripe: StripeConfig;
}

export function OrderPage({ drawn, at, stripe: config }: OrderPageProps) {
  const live = useOrder(drawn);
  const { order, waitFor } = live;
  const stripe = useStripe(config, isOpen(order));
  const payment = usePayment(live, stripe.kind === 'ready' ? stripe.stripe : null);
  const holdMs = Date.parse(order.expiresAt) - Date.parse(order.history[0]!.at);
  // The server's clock is known to half a second: never show more than there was at the beginning.
  const left = Math.min(
    secondsLeft(Date.parse(order.expiresAt), useNow(at)),
    Math.round(holdMs / 1000),
  );
  const stage = stageOf(order, payment.state, left);
  const asking = stage === 'pay' && payment.state.kind === 'authenticating';
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useRef(stage);

  // At zero it is the server that decides; it is asked until it has.
  const late = stage === 'late';
  useEffect(() => {
    if (late)
      void waitFor(next => !isOpen(next) || next.expiresAt !== order.expiresAt, CONFIRM_END_MS);
  }, [late, waitFor, order.expiresAt]);

  // What had the focus may be gone with the last stage; the new one begins at its heading.
  useEffect(() => {
    if (shown.current !== stage && document.activeElement === document.body)
      heading.current?.focus();
    shown.current = stage;
  }, [stage]);

  return (
    <div className={classes('wrap', styles.page, bank.page, asking && bank.asking)}>
      <div className={styles.head}>
        <ButtonLink href="/orders" look="plain" small>
          <Icon name="back" size={18} /> My orders
        </ButtonLink>
        <h1 ref={heading} tabIndex={-1}>
          {TITLES[stage]}
        </h1>
        <p className="visually-hidden" role="status">
          {TITLES[stage]}
        </p>
      </div>
      <div className={styles.ticket}>
        <Stub order={order} />
      </div>
      <div className={styles.panel}>
        {stage === 'paid' && <Paid order={order} />}
        {(stage === 'expired' || stage === 'cancelled') && <Over order={order} />}
        {stage === 'late' && (
          <Notice tone="warn" title="The hold has ended" live>
            <p>
              One moment: we are looking how the order ended, and whether the ticket is free again.
            </p>
          </Notice>
        )}
        {(stage === 'pay' || stage === 'pending') && (
          <>
            <Countdown seconds={left} expiresAt={order.expiresAt} holdMs={holdMs} />
            {(stage === 'pending' || asking) && <Pending payment={payment} stripe={stripe} />}
            {stage === 'pay' && (
              <PayForm
                amount={order.ticket.price}
                stripe={stripe}
                payment={payment}
                test={config.publishableKey.startsWith('pk_test_')}
              />
            )}
            <div className={styles.way}>
              <CancelOrder live={live} />
            </div>
          </>
        )}
      </div>
      <div className={styles.history}>
        <Timeline history={order.history} />
      </div>
    </div>
  );
}
