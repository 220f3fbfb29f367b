/* The order is complete: said calmly, with what to keep and what to do next. */
import { ButtonLink } from '@/components/button';
import { Icon } from '@/components/icon';
import { Money } from '@/components/money';
import type { Order } from '@/lib/types';
import styles from './panel.module.css';

export function Paid({ order }: { order: Order }) {
  return (
    <>
      <p className={styles.lead}>
        <span className={styles.sign}>
          <Icon name="check" size={22} />
        </span>
        <span>
          Your card was charged <Money amount={order.ticket.price} />, the price you agreed to.
        </span>
      </p>
      <ol className={styles.next}>
        <li>
          <strong>Keep the order number.</strong> It is on the ticket, and proves that the ticket is
          yours.
        </li>
        <li>
          <strong>Find it again under My orders,</strong> on any device where you sign in.
        </li>
        <li>
          <strong>Cannot go after all?</strong> You can list a ticket for sale yourself.
        </li>
      </ol>
      <div className={styles.links}>
        <ButtonLink href="/orders" wide>
          See my orders
        </ButtonLink>
        <ButtonLink href="/" look="plain" wide>
          Look for more tickets
        </ButtonLink>
      </div>
    </>
  );
}
