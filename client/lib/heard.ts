/*
 * What has become of the tickets on a page since it was drawn: of each the newest version, wherever
 * it came from. An answer may be older than an event that was heard while it was under way.
 */
import type { Ticket } from './types';

/* A ticket's latest known state; `taken`: it was seen in another than available. */
export interface Heard {
  ticket: Ticket;
  taken: boolean;
}

export type HeardById = ReadonlyMap<string, Heard>;

export function latestOf(heard: HeardById, drawn: Ticket): Heard {
  const news = heard.get(drawn.id);
  return news && news.ticket.version > drawn.version ? news : { ticket: drawn, taken: false };
}

/* With `news` of the ticket `drawn`; the same map where it is no news. */
export function withNews(heard: HeardById, drawn: Ticket, news: Ticket): HeardById {
  const before = latestOf(heard, drawn);
  if (news.version <= before.ticket.version) return heard;
  const taken = before.taken || news.status !== 'available';
  return new Map(heard).set(news.id, { ticket: news, taken });
}
