import type { Metadata } from 'next';
import { notFound } from 'next/navigation';

import { OrderPathView } from '@/components/ops/order-path';
import { apiGet } from '@/lib/api';
import { adminOnly } from '@/lib/ops/admin-only';
import type { OrderPath } from '@/lib/ops/types';
import { asId } from '@/lib/ops/words';

export const metadata: Metadata = { title: 'An order’s path' };

export default async function OrderPathPage({ params }: PageProps<'/ops/orders/[id]'>) {
  const { id: asked } = await params;
  await adminOnly(`/ops/orders/${asked}`);
  const id = asId(asked);
  if (!id) notFound();
  const answer = await apiGet<OrderPath>(`/api/ops/orders/${id}/path`);
  if (answer.kind === 'refused' && answer.status === 404) notFound();
  return <OrderPathView id={id} initial={answer.kind === 'ok' ? answer.data : null} />;
}
