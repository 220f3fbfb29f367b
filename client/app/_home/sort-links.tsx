'use client';

import Link, { useLinkStatus } from 'next/link';

import { searchHref, SORTS, STEP, type Search, type Sort } from '@/lib/search';
import styles from './home.module.css';

function Label({ text }: { text: string }) {
  const { pending } = useLinkStatus();
  return <span className={pending ? styles.waiting : undefined}>{text}</span>;
}

/* The orders that the list can be had in, as links: each is a page of its own. */
export function SortLinks({ search }: { search: Search }) {
  return (
    <nav className={styles.sorts} aria-label="Sort by">
      {(Object.keys(SORTS) as Sort[]).map(sort => (
        <Link
          key={sort}
          href={searchHref({ ...search, sort, after: '', show: STEP })}
          scroll={false}
          prefetch={false}
          aria-current={sort === search.sort ? 'true' : undefined}
        >
          <Label text={SORTS[sort]} />
        </Link>
      ))}
    </nav>
  );
}
