/* Orders, newest first: those that still wait for their buyer before those that are over. */
import Link from 'next/link';

import { ButtonLink } from '@/components/button';
import { OrderBadge } from '@/components/badge';
import { Money } from '@/components/money';
import { Poster } from '@/components/poster';
import { Time } from '@/components/time';
import { classes } from '@/lib/classes';
import { isOpen } from '@/lib/order-stage';
import { titleParts } from '@/lib/title';
import type { Order } from '@/lib/types';
import styles from './order-list.module.css';
import { TimeLeft } from './time-left';

interface OrderListProps {
  orders: Order[];
  at: string;
}

export function OrderList({ orders, at }: OrderListProps) {
  const open = orders.filter(isOpen);
  const past = orders.filter(order => !isOpen(order));
  return (
    <>
      {open.length > 0 && (
        <section className={styles.section} aria-labelledby="waiting">
          <h2 id="waiting">Waiting for you</h2>
          <ul className={styles.list}>
            {open.map(order => (
              <Row key={order.id} order={order} at={at} />
            ))}
          </ul>
        </section>
      )}
      {past.length > 0 && (
        <section className={styles.section} aria-labelledby="past">
          <h2 id="past">Past</h2>
          <ul className={styles.list}>
            {past.map(order => (
              <Row key={order.id} order={order} at={at} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

/* The whole row leads to the order (the link's own box is stretched over it). */
function Row({ order, at }: { order: Order; at: string }) {
  const { name, where, seat } = titleParts(order.ticket.title);
  return (
    <li className={classes(styles.row, order.status === 'cancelled' && styles.over)}>
      <Poster name={name} className={styles.poster} />
      <div className={styles.text}>
        <h3 className={styles.name}>
          <Link href={`/orders/${order.id}`} className={styles.link}>
            {name}
          </Link>
        </h3>
        {(where || seat) && (
          <p className={styles.line}>{[where, seat].filter(Boolean).join(' · ')}</p>
        )}
        <p className={styles.line}>
          Ordered <Time iso={order.history[0]!.at} />
        </p>
      </div>
      <div className={styles.side}>
        <Money amount={order.ticket.price} className={styles.price} />
        <OrderBadge status={order.status} />
      </div>
      {isOpen(order) && (
        <div className={styles.todo}>
          <TimeLeft expiresAt={order.expiresAt} at={at} />
          <ButtonLink href={`/orders/${order.id}`} small>
            {order.status === 'created' ? 'Pay now' : 'Continue'}
            <span className="visually-hidden">: {name}</span>
          </ButtonLink>
        </div>
      )}
    </li>
  );
}
