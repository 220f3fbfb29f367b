'use client';

/* The stub of the ticket: what it costs, and what this reader can do about it. */
import Link from 'next/link';

import { ButtonLink } from '@/components/button';
import type { IconName } from '@/components/icon';
import { Money } from '@/components/money';
import { Point } from '@/components/point';
import { Withdraw } from '@/components/withdraw';
import { classes } from '@/lib/classes';
import { titleParts } from '@/lib/title';
import type { Ticket, TicketStatus } from '@/lib/types';
import { Buy } from './buy';
import { OnHold } from './on-hold';
import styles from './box.module.css';

/* `holder`: the viewer's own order holds it, or bought it. */
export type Role = 'guest' | 'buyer' | 'holder' | 'owner';

interface BoxProps {
  ticket: Ticket;
  /* What it cost when the page was opened, where that has changed. */
  was: number | undefined;
  role: Role;
  myOrder: string | null;
  onHear: (ticket: Ticket) => void;
  onTaken: () => Promise<void>;
  onDoubt: () => Promise<void>;
  /* Withdrawn: the button that was pressed is about to go. */
  onDone: () => void;
}

export function Box({ ticket, was, role, myOrder, onHear, onTaken, onDoubt, onDone }: BoxProps) {
  const gone = ticket.status === 'sold' || ticket.status === 'withdrawn';
  return (
    <div className={styles.box}>
      <p className={classes(styles.price, gone && role !== 'holder' && styles.gone)}>
        <Money amount={ticket.price} />
        {was !== undefined && (
          <s className={styles.was}>
            <span className="visually-hidden">before: </span>
            <Money amount={was} />
          </s>
        )}
      </p>
      {role === 'owner' ? (
        <Owner ticket={ticket} onHear={onHear} onDone={onDone} />
      ) : role === 'holder' && myOrder ? (
        <Holder status={ticket.status} order={myOrder} />
      ) : (
        <Others ticket={ticket} guest={role === 'guest'} onTaken={onTaken} onDoubt={onDoubt} />
      )}
    </div>
  );
}

type OthersProps = Pick<BoxProps, 'ticket' | 'onTaken' | 'onDoubt'> & { guest: boolean };

function Others({ ticket, guest, onTaken, onDoubt }: OthersProps) {
  const { status, title, id } = ticket;
  const elsewhere = (
    <ButtonLink look="secondary" wide href={`/?q=${encodeURIComponent(titleParts(title).name)}`}>
      Other tickets for this event
    </ButtonLink>
  );
  if (status === 'sold')
    return (
      <>
        <Point icon="check" title="Sold" text="This seat has found somebody who can use it." />
        {elsewhere}
      </>
    );
  if (status === 'withdrawn')
    return (
      <>
        <Point icon="close" title="Withdrawn" text="The seller took this ticket off the market." />
        {elsewhere}
      </>
    );
  if (!guest)
    return <Buy ticket={ticket} elsewhere={elsewhere} onTaken={onTaken} onDoubt={onDoubt} />;
  if (status === 'reserved')
    return (
      <>
        <OnHold />
        {elsewhere}
      </>
    );
  const next = encodeURIComponent(`/tickets/${id}`);
  return (
    <>
      <ButtonLink wide href={`/auth/signin?next=${next}`}>
        Sign in to buy
      </ButtonLink>
      <p className="quiet">
        New here? <Link href={`/auth/signup?next=${next}`}>Create an account</Link>
      </p>
    </>
  );
}

function Holder({ status, order }: { status: TicketStatus; order: string }) {
  const bought = status === 'sold';
  return (
    <>
      {bought ? (
        <Point icon="check" title="This ticket is yours" text="You bought it. Enjoy the evening." />
      ) : (
        <Point icon="lock" title="You hold this ticket" text="Pay before your time runs out." />
      )}
      <ButtonLink wide look={bought ? 'secondary' : 'primary'} href={`/orders/${order}`}>
        {bought ? 'See your order' : 'Go to your order'}
      </ButtonLink>
    </>
  );
}

const OWNER: Record<TicketStatus, { icon: IconName; title: string; text: string }> = {
  available: {
    icon: 'user',
    title: 'You are selling this',
    text: 'You can change it until somebody orders it.',
  },
  reserved: {
    icon: 'clock',
    title: 'A buyer holds it',
    text: 'It cannot be changed until they have paid, or let it go: 15 minutes at most, and a little more while a payment runs.',
  },
  sold: { icon: 'check', title: 'You sold this', text: 'The buyer has paid for it.' },
  withdrawn: {
    icon: 'close',
    title: 'You withdrew this',
    text: 'It is off the market. To sell it after all, list it as a new ticket.',
  },
};

function Owner({ ticket, onHear, onDone }: Pick<BoxProps, 'ticket' | 'onHear' | 'onDone'>) {
  return (
    <>
      <Point {...OWNER[ticket.status]} />
      {ticket.status === 'available' ? (
        <div className={styles.pair}>
          <ButtonLink look="secondary" href={`/tickets/${ticket.id}/edit`}>
            Edit
          </ButtonLink>
          <Withdraw ticket={ticket} onChange={onHear} onDone={onDone} />
        </div>
      ) : (
        <ButtonLink look="secondary" wide href="/listings">
          My listings
        </ButtonLink>
      )}
    </>
  );
}
