import type { Metadata } from 'next';
import Link from 'next/link';

import { Away } from '@/components/away';
import { ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';
import { apiGet, type Answer } from '@/lib/api';
import { readSearch, searchHref, searchPath, STEP, type Search } from '@/lib/search';
import type { Page, Ticket } from '@/lib/types';
import { SortLinks } from './_home/sort-links';
import { Stage } from './_home/stage';
import { TicketGrid } from './_home/ticket-grid';
import styles from './_home/home.module.css';

export async function generateMetadata({ searchParams }: PageProps<'/'>): Promise<Metadata> {
  const { q } = readSearch(await searchParams);
  // The layout’s template is for the pages below this one.
  return q ? { title: `Tickets for “${q}” · Ticketing` } : {};
}

export default async function HomePage({ searchParams }: PageProps<'/'>) {
  const search = readSearch(await searchParams);
  const answer = await apiGet<Page<Ticket>>(searchPath(search));
  return (
    <>
      <Stage search={search} />
      <section className={`wrap ${styles.results}`} aria-labelledby="results">
        <div className={styles.toolbar}>
          <h2 id="results" tabIndex={-1}>
            {search.q ? `Results for “${search.q}”` : 'Tickets for sale'}
          </h2>
          <SortLinks search={search} />
        </div>
        <p className="visually-hidden" role="status">
          {search.q && answer.kind === 'ok' && counted(answer.data)}
        </p>
        {search.after && (
          <p>
            <Link href={searchHref({ ...search, after: '', show: STEP })}>Back to the start</Link>
          </p>
        )}
        <Results search={search} answer={answer} />
      </section>
    </>
  );
}

/* Read out when a search was answered. */
function counted({ results, next }: Page<Ticket>): string {
  const count = results.length;
  return next
    ? `More than ${count} tickets found.`
    : count === 1
      ? 'One ticket found.'
      : `${count || 'No'} tickets found.`;
}

function Results({ search, answer }: { search: Search; answer: Answer<Page<Ticket>> }) {
  if (answer.kind === 'away') return <Away what="The tickets" />;
  if (answer.kind === 'refused')
    return (
      <Empty icon="search" title="That list cannot be shown">
        <p>{answer.errors[0]?.message}.</p>
        <ButtonLink href="/" look="secondary">
          Show all tickets
        </ButtonLink>
      </Empty>
    );
  const { results, next } = answer.data;
  if (results.length > 0)
    return (
      <TicketGrid
        key={`${search.q} ${search.sort} ${search.after}`}
        search={search}
        tickets={results}
        next={next}
        drawnAt={answer.at}
      />
    );
  if (search.q)
    return (
      <Empty icon="search" title={`Nothing for “${search.q}” right now`}>
        <p>
          Every word has to begin a word of the title. Try fewer words, or the name of the place.
        </p>
        <ButtonLink href="/" look="secondary">
          Clear the search
        </ButtonLink>
      </Empty>
    );
  return (
    <Empty icon="ticket" title="No tickets are for sale right now">
      <p>Have one that you cannot use? Be the first.</p>
      <ButtonLink href="/tickets/new">Sell a ticket</ButtonLink>
    </Empty>
  );
}
