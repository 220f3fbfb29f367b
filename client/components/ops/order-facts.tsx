import Link from 'next/link';

import { statusTone, statusWords } from '@/lib/ops/moments';
import type { PathOrder } from '@/lib/ops/types';
import { Badge } from '../badge';
import { Money } from '../money';
import { Time } from '../time';
import styles from './order-path.module.css';

/* What the order is about, above its drawing. */
export function OrderFacts({ order }: { order: PathOrder }) {
  return (
    <section className={styles.facts} aria-labelledby="order-title">
      <div className={styles.title}>
        <h2 id="order-title">
          <Link href={`/tickets/${order.ticketId}`}>{order.ticketTitle}</Link>
        </h2>
        <Badge tone={statusTone(order.status)}>{statusWords(order.status)}</Badge>
      </div>
      <dl className={styles.pairs}>
        <div>
          <dt>Price</dt>
          <dd>
            <Money amount={order.price} />
          </dd>
        </div>
        <div>
          <dt>Ordered</dt>
          <dd>
            <Time iso={order.createdAt} />
          </dd>
        </div>
        <div>
          <dt>Held until</dt>
          <dd>
            <Time iso={order.expiresAt} show="clock" />
          </dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd className="figures">{order.version}</dd>
        </div>
        <div>
          <dt>Order</dt>
          <dd className="code">{order.id}</dd>
        </div>
        <div>
          <dt>Buyer</dt>
          <dd className="code">{order.userId}</dd>
        </div>
      </dl>
    </section>
  );
}
