'use client';

/*
 * The tickets of a page and what was heard of them since. News are compared with what was heard
 * last, never with what was on the page when somebody asked: an event may have come meanwhile.
 */
import { useRef, useState } from 'react';

import { latestOf, withNews, type Heard, type HeardById } from './heard';
import type { Ticket } from './types';

interface HeardTickets {
  /* A drawn ticket as it is now. */
  latest: (drawn: Ticket) => Heard;
  /* Take news in; gives the ticket as it was before, null where it is no news to this page. */
  hear: (news: Ticket) => Ticket | null;
}

export function useHeard(tickets: Ticket[]): HeardTickets {
  const [heard, setHeard] = useState<HeardById>(new Map());
  const last = useRef(heard);

  const hear = (news: Ticket) => {
    const drawn = tickets.find(ticket => ticket.id === news.id);
    if (!drawn) return null;
    const before = last.current;
    last.current = withNews(before, drawn, news);
    if (last.current === before) return null;
    setHeard(last.current);
    return latestOf(before, drawn).ticket;
  };
  return { latest: drawn => latestOf(heard, drawn), hear };
}
