import type { Metadata } from 'next';
import { notFound, redirect } from 'next/navigation';

import { Away } from '@/components/away';
import { OrderPage } from '@/components/order/order-page';
import { apiGet, currentUser } from '@/lib/api';
import { STRIPE_JS_URL } from '@/lib/csp';
import { titleParts } from '@/lib/title';
import type { Order } from '@/lib/types';

/* Asked once for the title and once for the page, and answered once (lib/api.ts). */
const load = (id: string) => apiGet<Order>(`/api/orders/${encodeURIComponent(id)}`);

export async function generateMetadata({ params }: PageProps<'/orders/[id]'>): Promise<Metadata> {
  const answer = await load((await params).id);
  const name = answer.kind === 'ok' ? titleParts(answer.data.ticket.title).name : '';
  return { title: name ? `Your order: ${name}` : 'Your order' };
}

export default async function Page({ params }: PageProps<'/orders/[id]'>) {
  const { id } = await params;
  if (!(await currentUser())) redirect(`/auth/signin?next=${encodeURIComponent(`/orders/${id}`)}`);
  const answer = await load(id);
  // Somebody else's order is as good as none: whether it exists is not told.
  if (answer.kind === 'refused') notFound();
  if (answer.kind === 'away')
    return (
      <div className="wrap stack">
        <h1>Your order</h1>
        <Away what="Your order" />
      </div>
    );
  return (
    <OrderPage
      key={id}
      drawn={answer.data}
      at={answer.at}
      stripe={{ url: STRIPE_JS_URL, publishableKey: process.env.STRIPE_PUBLISHABLE_KEY ?? '' }}
    />
  );
}
