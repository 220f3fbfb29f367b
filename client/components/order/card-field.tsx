'use client';

/* The card's number, in an element of Stripe's: we never see it. It looks like our other fields. */
import { useEffect, useEffectEvent, useId, useRef } from 'react';

import field from '@/components/field.module.css';
import { Icon } from '@/components/icon';
import { classes } from '@/lib/classes';
import type { CardElement, Stripe } from '@/lib/stripe';
import { dressBareInputs } from './bare-inputs';
import styles from './card-field.module.css';

interface CardFieldProps {
  stripe: Stripe;
  disabled: boolean;
  error: string | null;
  /* The element is there (or gone), to be read from when it is time. */
  onCard: (card: CardElement | null) => void;
  /* Something was entered; what Stripe says is wrong with it by now. */
  onChange: (problem: string | null) => void;
}

/* Stripe's element is in a frame that our style sheets do not reach: it is told our colours. */
function cardStyle(host: HTMLElement) {
  const { color, fontFamily } = getComputedStyle(host);
  const token = (name: string) => getComputedStyle(host).getPropertyValue(name).trim();
  return {
    base: { color, fontFamily, fontSize: '16px', '::placeholder': { color: token('--ink-3') } },
    invalid: { color: token('--bad'), iconColor: token('--bad') },
  };
}

export function CardField({ stripe, disabled, error, onCard, onChange }: CardFieldProps) {
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const element = useRef<CardElement>(null);
  const tellCard = useEffectEvent(onCard);
  const tellChange = useEffectEvent(onChange);

  useEffect(() => {
    const at = host.current!;
    const card = stripe.elements().create('card', { hidePostalCode: true, style: cardStyle(at) });
    card.on('change', change => tellChange(change?.error?.message ?? null));
    card.mount(at);
    dressBareInputs(at);
    element.current = card;
    tellCard(card);

    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paint = () => card.update?.({ style: cardStyle(at) });
    dark.addEventListener('change', paint);
    return () => {
      dark.removeEventListener('change', paint);
      tellCard(null);
      element.current = null;
      card.destroy();
    };
  }, [stripe]);

  useEffect(() => element.current?.update?.({ disabled }), [disabled]);

  // A refused card is entered anew: the reader is put where that is done.
  useEffect(() => {
    if (!error || disabled) return;
    if (element.current?.focus) element.current.focus();
    else host.current?.querySelector('input')?.focus();
  }, [error, disabled]);

  return (
    <fieldset
      className={classes(styles.field, error !== null && field.wrong)}
      disabled={disabled}
      aria-describedby={error ? `${id}-error` : undefined}
    >
      <legend className={classes(field.label, styles.legend)}>Card</legend>
      <div ref={host} className={classes(field.frame, styles.control)} />
      <p className={classes(field.error, styles.error)} id={`${id}-error`} role="alert">
        {error && (
          <>
            <Icon name="alert" size={18} />
            {error}
          </>
        )}
      </p>
    </fieldset>
  );
}
