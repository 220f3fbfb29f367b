'use client';

/*
 * The order came to nothing: why, and whether the ticket can be had again. That is looked up, and
 * kept up to date, because a ticket that is set free may be gone a moment later.
 */
import { useCallback, useEffect, useState } from 'react';

import { ButtonLink } from '@/components/button';
import { Money } from '@/components/money';
import { Notice } from '@/components/notice';
import { ask } from '@/lib/browser';
import { useLive } from '@/lib/live';
import type { Order, OrderCause, Ticket } from '@/lib/types';
import styles from './panel.module.css';

const UNLOCK_PAUSE_MS = 500;

const WHY: Partial<Record<OrderCause, string>> = {
  expired: 'The hold has ended, and the ticket went back on sale.',
  'buyer-cancelled': 'You cancelled this order, so the ticket is no longer held for you.',
  'ticket-withdrawn': 'The seller took the ticket off the market before you paid.',
  'user-banned': 'Your account was suspended, and its open orders were cancelled with it.',
};

export function Over({ order }: { order: Order }) {
  const [ticket, setTicket] = useState<Ticket | null>(null);
  const { id } = order.ticket;

  const take = (next: Ticket) =>
    setTicket(known => (known && known.version >= next.version ? known : next));
  const load = useCallback(async () => {
    const reply = await ask<Ticket>(`/api/tickets/${id}`);
    if (reply.ok && reply.data) take(reply.data);
  }, [id]);

  // The lock that is still there may be this order's own: it goes in a moment.
  const locked = ticket?.orderId === order.id;
  useEffect(() => {
    if (!locked) return;
    const timer = setInterval(() => void load(), UNLOCK_PAUSE_MS);
    return () => clearInterval(timer);
  }, [locked, load]);

  useLive<Ticket>(`/api/tickets/events?ids=${id}`, 'ticket', {
    onEvent: take,
    onGap: () => void load(),
  });

  const cause = order.history.at(-1)?.cause;
  return (
    <>
      <p className="quiet">{cause && WHY[cause]} Nothing was charged.</p>
      <div className={styles.links}>
        <div role="status" className={styles.again}>
          <Again ticket={ticket} order={order} />
        </div>
        <ButtonLink href="/" look="plain" wide>
          Look for other tickets
        </ButtonLink>
      </div>
    </>
  );
}

function Again({ ticket, order }: { ticket: Ticket | null; order: Order }) {
  if (ticket === null || ticket.orderId === order.id)
    return <p className="quiet">Looking whether the ticket is still free…</p>;
  if (ticket.status === 'available')
    return (
      <>
        <Notice tone="good" title="It is free again">
          <p>
            For <Money amount={ticket.price} />
            {ticket.price === order.ticket.price ? (
              ', as before.'
            ) : (
              <>
                {' '}
                now, instead of <Money amount={order.ticket.price} />.
              </>
            )}
          </p>
        </Notice>
        <ButtonLink href={`/tickets/${ticket.id}`} wide>
          Buy it again
        </ButtonLink>
      </>
    );
  if (ticket.status === 'reserved')
    return (
      <Notice tone="warn" title="Somebody else holds it now">
        <p>If they do not pay in time it is free again, and this page says so.</p>
      </Notice>
    );
  return (
    <Notice
      tone="info"
      title={ticket.status === 'sold' ? 'It was sold to somebody else' : 'It is no longer for sale'}
    />
  );
}
