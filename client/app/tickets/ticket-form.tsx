'use client';

/*
 * What a seller writes, and beside it the card that buyers will see. For a new ticket or for one
 * that is there: that one is saved over the version the seller had in front of them, and no other.
 */
import { useRouter } from 'next/navigation';
import { useRef, useState, type FormEvent } from 'react';

import { Button, ButtonLink } from '@/components/button';
import { Field } from '@/components/field';
import { useCurrencySign } from '@/components/money';
import { Notice } from '@/components/notice';
import { TicketCard } from '@/components/ticket-card';
import { byField } from '@/lib/browser';
import { keyOf } from '@/lib/idempotency-key';
import { editTicket, listTicket } from '@/lib/save-ticket';
import type { Ticket } from '@/lib/types';
import { ChangedMeanwhile } from './changed-meanwhile';
import styles from './ticket-form.module.css';

/* Many a keyboard has a comma where the API wants a point. */
function plainPrice(text: string): string {
  return text.trim().replace(',', '.');
}

export function TicketForm({ ticket }: { ticket?: Ticket }) {
  const router = useRouter();
  const sign = useCurrencySign();
  const form = useRef<HTMLFormElement>(null);
  const keys = useRef(new Map<string, string>());
  const [title, setTitle] = useState(ticket?.title ?? '');
  const [price, setPrice] = useState(ticket ? ticket.price.toFixed(2) : '');
  const [base, setBase] = useState(ticket);
  const [changed, setChanged] = useState<Ticket | null>(null);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [signedOut, setSignedOut] = useState(false);

  const save = () => {
    const written = { title, price: plainPrice(price) };
    return base ? editTicket(base, written) : listTicket(written, keyOf(keys.current, written));
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setErrors({});
    setChanged(null);
    setSignedOut(false);
    const result = await save();
    if (result.kind === 'saved') {
      router.push(`/tickets/${result.id}`); // stays busy until that page is here
      return;
    }
    setBusy(false);
    if (result.kind === 'signed-out') {
      setSignedOut(true);
      return;
    }
    if (result.kind === 'changed') {
      setChanged(result.now);
      return;
    }
    const wrong = byField(result.errors, ['title', 'price']);
    setErrors(wrong);
    const first = wrong.title ? 'title' : wrong.price ? 'price' : null;
    if (first) form.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus();
  };

  /* Go on from the version that is there now; the fields take its values, or keep what was typed. */
  const goOn = (now: Ticket, take: boolean) => {
    setBase(now);
    setChanged(null);
    if (take) {
      setTitle(now.title);
      setPrice(now.price.toFixed(2));
    }
    form.current?.querySelector<HTMLInputElement>('[name=title]')?.focus();
  };

  return (
    <div className={styles.columns}>
      <form ref={form} className={styles.form} onSubmit={event => void submit(event)} noValidate>
        {errors[''] && <Notice tone="bad" title={errors['']} live />}
        {signedOut && (
          <Notice tone="warn" title="Your session has ended" live>
            <p>
              <a href="/auth/signin" target="_blank">
                Sign in in another tab
              </a>
              , and press the button below again. What you wrote stays here.
            </p>
          </Notice>
        )}
        {changed && <ChangedMeanwhile now={changed} onChoice={take => goOn(changed, take)} />}
        <Field
          label="What is it for?"
          name="title"
          hint="Event, place, date: seat. Buyers search for these words."
          placeholder="Hamlet, Old Theatre, 12 March: row C, seat 14"
          autoComplete="off"
          value={title}
          onChange={event => setTitle(event.target.value)}
          error={errors.title}
          required
        />
        <Field
          label="Price"
          name="price"
          before={sign}
          inputMode="decimal"
          autoComplete="off"
          value={price}
          onChange={event => setPrice(event.target.value)}
          error={errors.price}
          required
        />
        <div className={styles.actions}>
          <Button type="submit" busy={busy}>
            {ticket ? 'Save the changes' : 'Put it up for sale'}
          </Button>
          <ButtonLink look="plain" href={ticket ? `/tickets/${ticket.id}` : '/'}>
            Cancel
          </ButtonLink>
        </div>
      </form>
      <aside className={styles.preview} aria-labelledby="preview">
        <h2 id="preview">What buyers will see</h2>
        <TicketCard
          title={title.trim() || 'Your event, the place, the date: the seat'}
          price={Number(plainPrice(price)) || 0}
        />
      </aside>
    </div>
  );
}
