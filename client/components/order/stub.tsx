/*
 * The ticket as the buyer agreed to it, drawn as one: a poster, what and where, and the stub below
 * the perforation with the price. A ticket that is the buyer's bears a stamp.
 */
import { Icon } from '@/components/icon';
import { Money } from '@/components/money';
import { Poster } from '@/components/poster';
import { classes } from '@/lib/classes';
import { titleParts } from '@/lib/title';
import type { Order } from '@/lib/types';
import styles from './stub.module.css';

export function Stub({ order }: { order: Order }) {
  const { name, where, seat } = titleParts(order.ticket.title);
  const mine = order.status === 'complete';
  return (
    <article className={classes(styles.card, order.status === 'cancelled' && styles.over)}>
      <div className={styles.picture}>
        <Poster name={name} className={styles.poster} />
        {mine && (
          <p className={styles.stamp}>
            <Icon name="check" size={18} /> Yours
          </p>
        )}
      </div>
      <div className={styles.text}>
        <h2>{name}</h2>
        {where && (
          <p className={styles.line}>
            <Icon name="pin" size={18} /> {where}
          </p>
        )}
        {seat && (
          <p className={styles.line}>
            <Icon name="ticket" size={18} /> <span>{seat}</span>
          </p>
        )}
      </div>
      <dl className={styles.stub}>
        <div>
          <dt>{mine ? 'Paid' : 'Price agreed'}</dt>
          <dd className={styles.price}>
            <Money amount={order.ticket.price} />
          </dd>
        </div>
        <div>
          <dt>Order</dt>
          <dd className={styles.number}>
            <code>{order.id}</code>
          </dd>
        </div>
      </dl>
    </article>
  );
}
