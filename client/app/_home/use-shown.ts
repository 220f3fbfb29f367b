'use client';

/*
 * The tickets on the page, and what has become of them since it was drawn.
 *
 * The stream is asked for the ids that are shown, not for everything: a busy market says far more
 * than one page can use. That leaves the tickets that are newly listed; for them, and for whatever a
 * gap in the stream has hidden, the same list is loaded again now and then.
 *
 * Nothing that is shown is moved or taken away: what is new waits until the reader asks for it.
 */
import { useEffect, useEffectEvent, useRef, useState } from 'react';

import { ask } from '@/lib/browser';
import { useLive } from '@/lib/live';
import { searchPath, type Search } from '@/lib/search';
import { titleParts } from '@/lib/title';
import type { Page, Ticket } from '@/lib/types';
import { useHeard } from '@/lib/use-heard';

const LOOK_AGAIN_MS = 30000;
const ASK_AT_ONCE = 12; // of tickets that are no longer in the list

const WORDS = {
  available: 'is free again',
  reserved: 'was just taken',
  sold: 'was sold',
  withdrawn: 'was withdrawn',
} as const;

/* An id begins with the second in which it was made. */
function madeSince(id: string, iso: string): boolean {
  return parseInt(id.slice(0, 8), 16) >= Math.floor(Date.parse(iso) / 1000);
}

export function useShown(tickets: Ticket[], search: Search, drawnAt: string) {
  const { latest, hear } = useHeard(tickets);
  const [fresh, setFresh] = useState<string[]>([]);
  const [said, say] = useState('');
  const loading = useRef(false);

  const take = (news: Ticket) => {
    const before = hear(news);
    if (before && news.status !== before.status)
      say(`${titleParts(news.title).name} ${WORDS[news.status]}.`);
  };

  const load = async () => {
    if (loading.current) return;
    loading.current = true;
    const reply = await ask<Page<Ticket>>(searchPath(search));
    if (reply.ok && reply.data) {
      const { results } = reply.data;
      const known = new Set(tickets.map(ticket => ticket.id));
      setFresh(results.map(({ id }) => id).filter(id => !known.has(id) && madeSince(id, drawnAt)));
      results.forEach(take);
      const listed = new Set(results.map(ticket => ticket.id));
      const gone = tickets.filter(
        drawn => !listed.has(drawn.id) && latest(drawn).ticket.status === 'available',
      );
      await Promise.all(
        gone.slice(0, ASK_AT_ONCE).map(async ({ id }) => {
          const one = await ask<Ticket>(`/api/tickets/${id}`);
          if (one.ok && one.data) take(one.data);
        }),
      );
    }
    loading.current = false;
  };

  const ids = tickets.map(ticket => ticket.id).join(',');
  useLive<Ticket>(`/api/tickets/events?ids=${ids}`, 'ticket', {
    onEvent: take,
    onGap: () => void load(),
  });

  const lookAgain = useEffectEvent(() => {
    if (document.visibilityState === 'visible') void load();
  });
  useEffect(() => {
    const timer = setInterval(lookAgain, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, []);

  const known = new Set(tickets.map(ticket => ticket.id));
  return { latest, fresh: fresh.filter(id => !known.has(id)), said, say };
}
