'use client';

/* A seller's tickets as they are now. What changes does so in its row; rows stay where they are. */
import Link from 'next/link';
import { useRef, useState } from 'react';

import { TicketBadge } from '@/components/badge';
import { ButtonLink } from '@/components/button';
import { Money, useMoney } from '@/components/money';
import { Poster } from '@/components/poster';
import { Withdraw } from '@/components/withdraw';
import { ask } from '@/lib/browser';
import { useLive } from '@/lib/live';
import { titleParts } from '@/lib/title';
import type { Page, Ticket } from '@/lib/types';
import { useHeard } from '@/lib/use-heard';
import styles from './listings.module.css';

const SAID = {
  available: 'is for sale again',
  reserved: 'was ordered, and is on hold for its buyer',
  sold: 'was sold',
  withdrawn: 'was withdrawn',
} as const;

interface ListingsProps {
  tickets: Ticket[];
  /* The API's address of this list. */
  path: string;
}

export function Listings({ tickets: drawn, path }: ListingsProps) {
  const money = useMoney();
  const list = useRef<HTMLUListElement>(null);
  const { latest, hear } = useHeard(drawn);
  const [said, say] = useState('');

  const tickets = drawn.map(ticket => latest(ticket).ticket);
  const take = (news: Ticket) => {
    const before = hear(news);
    if (before && news.status !== before.status)
      say(`${titleParts(news.title).name} ${SAID[news.status]}.`);
  };
  const load = async () => {
    const reply = await ask<Page<Ticket>>(path);
    reply.data?.results?.forEach(take);
  };
  const ids = drawn.map(ticket => ticket.id).join(',');
  useLive<Ticket>(`/api/tickets/events?ids=${ids}`, 'ticket', {
    onEvent: take,
    onGap: () => void load(),
  });

  const sold = tickets.filter(ticket => ticket.status === 'sold');
  const earned = sold.reduce((sum, ticket) => sum + Math.round(ticket.price * 100), 0) / 100;
  return (
    <>
      <p className={styles.sum}>
        {tickets.length === 1 ? 'One ticket' : `${tickets.length} tickets`}
        {sold.length > 0 && (
          <>
            {' · '}
            <strong>{money(earned)}</strong> from {sold.length} sold
          </>
        )}
      </p>
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <ul ref={list} className={styles.list} tabIndex={-1} aria-label="Your tickets">
        {tickets.map(ticket => (
          <Row
            key={ticket.id}
            ticket={ticket}
            onHear={take}
            onDone={() => list.current?.focus({ preventScroll: true })}
          />
        ))}
      </ul>
    </>
  );
}

interface RowProps {
  ticket: Ticket;
  onHear: (ticket: Ticket) => void;
  onDone: () => void;
}

function Row({ ticket, onHear, onDone }: RowProps) {
  const { name, where, seat } = titleParts(ticket.title);
  return (
    <li className={styles.row} data-status={ticket.status}>
      <Poster name={name} className={styles.poster} />
      <div className={styles.words}>
        <Link href={`/tickets/${ticket.id}`} prefetch={false} className={styles.name}>
          {name}
        </Link>
        <p className={styles.where}>{[where, seat].filter(Boolean).join(' · ')}</p>
      </div>
      <p className={styles.price}>
        <Money amount={ticket.price} />
      </p>
      <p className={styles.status}>
        <TicketBadge status={ticket.status} />
      </p>
      <div className={styles.actions}>
        {ticket.status === 'available' && (
          <>
            <ButtonLink look="secondary" small href={`/tickets/${ticket.id}/edit`} prefetch={false}>
              Edit<span className="visually-hidden"> {ticket.title}</span>
            </ButtonLink>
            <Withdraw ticket={ticket} small onChange={onHear} onDone={onDone} />
          </>
        )}
      </div>
    </li>
  );
}
