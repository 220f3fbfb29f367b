'use client';

/*
 * One ticket as it is now: drawn by the server, then kept true by the stream. The newest version
 * wins, wherever it came from.
 */
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useRef, useState } from 'react';

import { TicketBadge } from '@/components/badge';
import { Icon } from '@/components/icon';
import { Poster } from '@/components/poster';
import { ask } from '@/lib/browser';
import { classes } from '@/lib/classes';
import { useLive } from '@/lib/live';
import { titleParts } from '@/lib/title';
import type { Ticket } from '@/lib/types';
import { useHeard } from '@/lib/use-heard';
import { Box, type Role } from './box';
import { Steps } from './steps';
import styles from './ticket.module.css';

const SAID = {
  available: 'The ticket is free again.',
  reserved: 'The ticket was just put on hold for a buyer.',
  sold: 'The ticket was sold.',
  withdrawn: 'The seller withdrew the ticket.',
} as const;

interface TicketViewProps {
  ticket: Ticket;
  viewer: string | null;
  /* The viewer's own order for this ticket, if the ticket names it. */
  myOrder: string | null;
}

export function TicketView({ ticket: drawn, viewer, myOrder }: TicketViewProps) {
  const router = useRouter();
  const stub = useRef<HTMLElement>(null);
  const { latest, hear } = useHeard([drawn]);
  const [firstPrice] = useState(drawn.price);
  const [said, say] = useState('');
  const { ticket } = latest(drawn);
  const { name, where, seat } = titleParts(ticket.title);

  const take = (news: Ticket) => {
    const before = hear(news);
    if (!before) return;
    if (news.price !== before.price) say('The price has changed.');
    if (news.status !== before.status) {
      say(SAID[news.status]);
      // The button that has the focus is about to go; its place stays.
      if (stub.current?.contains(document.activeElement)) stub.current.focus();
      if (viewer) router.refresh(); // it may be the viewer who holds it, in another window
    }
  };
  const load = async () => {
    const reply = await ask<Ticket>(`/api/tickets/${drawn.id}`);
    if (reply.ok && reply.data) take(reply.data);
  };
  useLive<Ticket>(`/api/tickets/events?ids=${drawn.id}`, 'ticket', {
    onEvent: take,
    onGap: () => void load(),
  });

  const role: Role = !viewer
    ? 'guest'
    : viewer === ticket.userId
      ? 'owner'
      : myOrder && myOrder === ticket.orderId
        ? 'holder'
        : 'buyer';
  const gone = ticket.status === 'sold' || ticket.status === 'withdrawn';
  return (
    <div className={`wrap ${styles.page}`}>
      <Link href="/" className={styles.back}>
        <Icon name="back" size={18} /> All tickets
      </Link>
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <article className={classes(styles.ticket, gone && role !== 'holder' && styles.gone)}>
        <div className={styles.front}>
          <Poster name={name} className={styles.poster} />
          <div className={styles.words}>
            <TicketBadge status={ticket.status} />
            <h1>{name}</h1>
            {(where || seat) && (
              <dl className={styles.facts}>
                {where && (
                  <div>
                    <dt>Where and when</dt>
                    <dd>{where}</dd>
                  </div>
                )}
                {seat && (
                  <div>
                    <dt>Seat</dt>
                    <dd>{seat}</dd>
                  </div>
                )}
              </dl>
            )}
          </div>
        </div>
        <section ref={stub} className={styles.stub} aria-label="Purchase" tabIndex={-1}>
          <Box
            ticket={ticket}
            was={firstPrice === ticket.price ? undefined : firstPrice}
            role={role}
            myOrder={myOrder}
            onHear={take}
            onTaken={async () => {
              stub.current?.focus();
              await load();
            }}
            onDoubt={load}
            onDone={() => stub.current?.focus()}
          />
        </section>
      </article>
      {ticket.status === 'available' && role !== 'owner' && <Steps />}
    </div>
  );
}
