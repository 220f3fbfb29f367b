import NotFound from '@/app/not-found';
import { Empty } from '@/components/empty';
import { OrderLookup } from '@/components/ops/order-lookup';
import { OrderPathFrame } from '@/components/ops/order-path-frame';
import { currentUser } from '@/lib/api';

export default async function NoSuchOrder() {
  // Who is no admin comes here too, and is told no more than on any other page that is not there.
  if ((await currentUser())?.role !== 'admin') return <NotFound />;
  return (
    <OrderPathFrame>
      <h1>An order’s path</h1>
      <Empty icon="search" title="No order has this id">
        <p>It may be the id of a ticket, a payment or a user.</p>
      </Empty>
      <OrderLookup />
    </OrderPathFrame>
  );
}
