import { Empty } from '@/components/empty';
import { OrderLookup } from '@/components/ops/order-lookup';
import { OrderPathFrame } from '@/components/ops/order-path-frame';

export default function NoSuchOrder() {
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
