'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useRef, useState, type ReactNode } from 'react';

import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { useMoney } from '@/components/money';
import { Notice } from '@/components/notice';
import { newKey } from '@/lib/idempotency-key';
import { placeOrder, type Outcome } from '@/lib/place-order';
import type { Ticket } from '@/lib/types';
import { OnHold } from './on-hold';
import { PriceChanged } from './price-changed';
import styles from './box.module.css';

interface BuyProps {
  ticket: Ticket;
  /* The way on where it cannot be bought. */
  elsewhere: ReactNode;
  /* Somebody else has it: the page's ticket is old, and the button that was pressed about to go. */
  onTaken: () => Promise<void>;
  /* Orders does not know it: the page's ticket may be old. */
  onDoubt: () => Promise<void>;
}

/* Of a signed-in buyer, for a ticket that is free or on hold. */
export function Buy({ ticket, elsewhere, onTaken, onDoubt }: BuyProps) {
  const router = useRouter();
  const money = useMoney();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  // The version that was on the page when somebody else was quicker: until a newer one is heard,
  // what the page knows is old.
  const [takenAt, setTakenAt] = useState(-1);
  // One key for one click and what is tried again for it; another price is another order.
  const attempt = useRef<{ key: string; price: number } | null>(null);

  const buy = async (price: number) => {
    setBusy(true);
    setOutcome(null);
    if (attempt.current?.price !== price) attempt.current = { key: newKey(), price };
    const result = await placeOrder(ticket.id, price, attempt.current.key);
    if (result.kind !== 'unsure') attempt.current = null;
    if (result.kind === 'ordered') {
      router.push(`/orders/${result.order.id}`); // stays busy until that page is here
      return;
    }
    if (result.kind === 'signed-out') {
      router.push(`/auth/signin?next=/tickets/${ticket.id}`);
      return;
    }
    if (result.kind === 'taken') {
      setTakenAt(ticket.version);
      await onTaken();
    }
    if (result.kind === 'unheard-of') await onDoubt();
    setBusy(false);
    setOutcome(result);
  };

  // While an order of ours is on its way, the ticket is reserved by us; nobody else took it.
  const justTaken = ticket.version <= takenAt;
  if (!busy && (justTaken || ticket.status === 'reserved'))
    return (
      <>
        <div role="status">
          <OnHold justNow={outcome?.kind === 'taken'} />
        </div>
        {ticket.status === 'available' && (
          <Button look="plain" wide onClick={() => void buy(ticket.price)}>
            Try again
          </Button>
        )}
        {elsewhere}
      </>
    );
  return (
    <>
      <Button wide busy={busy} onClick={() => void buy(ticket.price)}>
        Buy for {money(ticket.price)}
      </Button>
      {outcome?.kind === 'unheard-of' && (
        <Notice tone="info" title="This ticket was only just listed" live>
          <p>It cannot be ordered yet. Try again in a moment.</p>
        </Notice>
      )}
      {outcome?.kind === 'too-many' && (
        <Notice tone="warn" title="You hold as many tickets as one buyer can" live>
          <p>
            Pay for one of <Link href="/orders">your orders</Link>, or let one go, and come back.
          </p>
        </Notice>
      )}
      {(outcome?.kind === 'refused' || outcome?.kind === 'unsure') && (
        <Notice tone="bad" title={outcome.message} live />
      )}
      <ul className={styles.promises}>
        <li>
          <Icon name="clock" size={18} /> Held for you for 15 minutes
        </li>
        <li>
          <Icon name="shield" size={18} /> Nothing is charged before you pay
        </li>
      </ul>
      {outcome?.kind === 'price' && (
        <PriceChanged
          seen={outcome.seen}
          current={outcome.current}
          busy={busy}
          onAgree={() => void buy(outcome.current)}
          onLeave={() => setOutcome(null)}
        />
      )}
    </>
  );
}
