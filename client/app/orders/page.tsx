import type { Metadata } from 'next';
import { notFound, redirect } from 'next/navigation';

import { Away } from '@/components/away';
import { ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';
import { OrderList } from '@/components/order/order-list';
import { apiGet, currentUser } from '@/lib/api';
import type { Order, Page } from '@/lib/types';
import styles from './orders.module.css';

export const metadata: Metadata = { title: 'My orders' };

const PAGE_SIZE = 20;

export default async function OrdersPage({ searchParams }: PageProps<'/orders'>) {
  const { after } = await searchParams;
  if (!(await currentUser())) redirect('/auth/signin?next=%2Forders');
  const cursor = typeof after === 'string' ? `&after=${encodeURIComponent(after)}` : '';
  const answer = await apiGet<Page<Order>>(`/api/orders?limit=${PAGE_SIZE}${cursor}`);
  if (answer.kind === 'refused') notFound(); // an `after` that we never gave
  return (
    <div className={`wrap ${styles.page}`}>
      <h1>My orders</h1>
      {answer.kind === 'away' ? (
        <Away what="Your orders" />
      ) : answer.data.results.length === 0 ? (
        <Empty icon="ticket" title={cursor ? 'That is all' : 'No orders yet'}>
          <p>
            {cursor
              ? 'There are no older orders.'
              : 'A ticket that you order is held for you while you pay, and stays here afterwards.'}
          </p>
          <ButtonLink href="/">Find a ticket</ButtonLink>
        </Empty>
      ) : (
        <>
          <OrderList orders={answer.data.results} at={answer.at} />
          <nav className={styles.paging} aria-label="More orders">
            {cursor && (
              <ButtonLink href="/orders" look="plain">
                Back to the newest
              </ButtonLink>
            )}
            {answer.data.next && (
              <ButtonLink
                href={`/orders?after=${encodeURIComponent(answer.data.next)}`}
                look="secondary"
              >
                Show older orders
              </ButtonLink>
            )}
          </nav>
        </>
      )}
    </div>
  );
}
