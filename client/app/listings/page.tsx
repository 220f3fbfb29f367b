import type { Metadata } from 'next';
import Link from 'next/link';
import { redirect } from 'next/navigation';

import { Away } from '@/components/away';
import { ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';
import { apiGet, currentUser } from '@/lib/api';
import type { Page, Ticket, TicketStatus } from '@/lib/types';
import { Listings } from './listings';
import styles from './listings.module.css';

export const metadata: Metadata = { title: 'My listings' };

const AT_ONCE = 50;

const FILTERS: Record<TicketStatus | '', string> = {
  '': 'All',
  available: 'For sale',
  reserved: 'On hold',
  sold: 'Sold',
  withdrawn: 'Withdrawn',
};

type Filter = keyof typeof FILTERS;

function one(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}

function query(values: Record<string, string>): string {
  const params = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ''));
  return params.size > 0 ? `?${params}` : '';
}

export default async function ListingsPage({ searchParams }: PageProps<'/listings'>) {
  const params = await searchParams;
  const wanted = one(params.status);
  const status: Filter = wanted in FILTERS ? (wanted as Filter) : '';
  const after = one(params.after);
  if (!(await currentUser()))
    redirect(`/auth/signin?next=${encodeURIComponent(`/listings${query({ status })}`)}`);
  const path = `/api/tickets/mine${query({ limit: String(AT_ONCE), status, after })}`;
  const answer = await apiGet<Page<Ticket>>(path);
  // A seller's first visit: the empty list itself offers the way on.
  const isNew = answer.kind === 'ok' && answer.data.results.length === 0 && !status && !after;
  return (
    <div className={`wrap ${styles.page}`}>
      <div className={styles.head}>
        <h1>My listings</h1>
        {!isNew && <ButtonLink href="/tickets/new">Sell a ticket</ButtonLink>}
      </div>
      <nav className={styles.filters} aria-label="Show">
        {(Object.keys(FILTERS) as Filter[]).map(filter => (
          <Link
            key={filter}
            href={`/listings${query({ status: filter })}`}
            aria-current={filter === status ? 'true' : undefined}
            scroll={false}
          >
            {FILTERS[filter]}
          </Link>
        ))}
      </nav>
      {answer.kind !== 'ok' ? (
        <Away what="Your listings" />
      ) : answer.data.results.length === 0 ? (
        <Nothing status={status} />
      ) : (
        <Listings key={`${status} ${after}`} tickets={answer.data.results} path={path} />
      )}
      {answer.kind === 'ok' && answer.data.next && (
        <p className={styles.more}>
          <ButtonLink
            look="secondary"
            href={`/listings${query({ status, after: answer.data.next })}`}
          >
            Older listings
          </ButtonLink>
        </p>
      )}
    </div>
  );
}

function Nothing({ status }: { status: Filter }) {
  if (status !== '')
    return (
      <Empty icon="ticket" title={`Nothing here: ${FILTERS[status].toLowerCase()}`}>
        <p>None of your tickets is in that state.</p>
        <ButtonLink look="secondary" href="/listings">
          Show all of them
        </ButtonLink>
      </Empty>
    );
  return (
    <Empty icon="ticket" title="You are not selling anything yet">
      <p>A ticket you cannot use is a good evening for somebody else.</p>
      <ButtonLink href="/tickets/new">Sell a ticket</ButtonLink>
    </Empty>
  );
}
