'use client';

import { useRouter } from 'next/navigation';
import { useEffect, useRef, useTransition } from 'react';

import { Button, ButtonLink } from '@/components/button';
import { Icon } from '@/components/icon';
import { TicketCard } from '@/components/ticket-card';
import type { Heard } from '@/lib/heard';
import { moreOf, searchHref, type Search } from '@/lib/search';
import type { Ticket } from '@/lib/types';
import { useShown } from './use-shown';
import styles from './ticket-grid.module.css';

interface TicketGridProps {
  search: Search;
  tickets: Ticket[];
  next: string | null;
  drawnAt: string;
}

function markOf({ ticket, taken }: Heard) {
  if (ticket.status === 'reserved') return { tone: 'warn', text: 'Just taken' } as const;
  if (ticket.status === 'sold') return { tone: 'none', text: 'Sold' } as const;
  if (ticket.status === 'withdrawn') return { tone: 'none', text: 'Withdrawn' } as const;
  return taken ? ({ tone: 'good', text: 'Free again' } as const) : undefined;
}

export function TicketGrid({ search, tickets, next, drawnAt }: TicketGridProps) {
  const router = useRouter();
  const list = useRef<HTMLUListElement>(null);
  const asked = useRef<{ seen: Set<string>; from: number } | null>(null);
  const [growing, startGrowing] = useTransition();
  const [renewing, startRenewing] = useTransition();
  const { latest, fresh, said, say } = useShown(tickets, search, drawnAt);

  // What the reader asked for is here: go to the first of it.
  useEffect(() => {
    if (!asked.current) return;
    const { seen, from } = asked.current;
    const count = tickets.filter(({ id }) => !seen.has(id)).length;
    if (count === 0) return;
    asked.current = null;
    const first = tickets.findIndex(({ id }, i) => i >= from && !seen.has(id));
    list.current?.children[Math.max(first, 0)]?.querySelector('a')?.focus();
    say(count === 1 ? 'One more ticket shown.' : `${count} more tickets shown.`);
  }, [tickets, say]);

  const ask = (from: number) => {
    asked.current = { seen: new Set(tickets.map(({ id }) => id)), from };
  };
  const more = next === null ? null : moreOf(search, next);
  const grow = (event: { preventDefault: () => void }) => {
    if (!more?.grows) return;
    event.preventDefault();
    if (growing) return;
    // Some of those drawn may be gone from the list by then: so the first new one is looked for
    // a little before the end.
    ask(Math.floor(tickets.length / 2));
    startGrowing(() => router.replace(searchHref(more.search), { scroll: false }));
  };
  const renew = () => {
    ask(0);
    startRenewing(() => router.refresh());
  };

  return (
    <div className={styles.grid}>
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <div className={styles.news} role="status">
        {fresh.length > 0 && (
          <Button look="secondary" small busy={renewing} onClick={renew}>
            <Icon name="refresh" size={16} />
            {fresh.length === 1 ? '1 new ticket' : `${fresh.length} new tickets`} · show
          </Button>
        )}
      </div>
      <ul ref={list} className={styles.list}>
        {tickets.map((drawn, i) => {
          const heard = latest(drawn);
          const { ticket } = heard;
          return (
            <li key={drawn.id} id={`n${i + 1}`}>
              <TicketCard
                title={ticket.title}
                price={ticket.price}
                was={ticket.price === drawn.price ? undefined : drawn.price}
                href={`/tickets/${ticket.id}`}
                mark={markOf(heard)}
                dimmed={ticket.status !== 'available'}
              />
            </li>
          );
        })}
      </ul>
      {more && (
        <div className={styles.more}>
          <ButtonLink
            look="secondary"
            href={`${searchHref(more.search)}${more.grows ? `#n${tickets.length + 1}` : ''}`}
            prefetch={false}
            onNavigate={grow}
            busy={growing}
          >
            {more.grows ? 'Show more' : 'Next page'}
          </ButtonLink>
        </div>
      )}
    </div>
  );
}
