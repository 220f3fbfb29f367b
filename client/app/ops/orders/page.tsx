import type { Metadata } from 'next';
import { redirect } from 'next/navigation';

import { OrderLookup } from '@/components/ops/order-lookup';
import { OrderPathFrame } from '@/components/ops/order-path-frame';
import { adminOnly } from '@/lib/ops/admin-only';
import { asId } from '@/lib/ops/words';

export const metadata: Metadata = { title: 'An order’s path' };

/* Where the field "Order id" leads: on to that order, or back to the field with what is wrong. */
export default async function OrderLookupPage({ searchParams }: PageProps<'/ops/orders'>) {
  await adminOnly('/ops/orders');
  const asked = (await searchParams).id;
  const id = asId(asked);
  if (id) redirect(`/ops/orders/${id}`);
  return (
    <OrderPathFrame>
      <h1>An order’s path</h1>
      <OrderLookup entered={typeof asked === 'string' ? asked : null} />
    </OrderPathFrame>
  );
}
