'use client';

import { useLocale } from './locale';

/* For texts; in a page use <Money>. */
export function useMoney(): (amount: number) => string {
  const { language, currency } = useLocale();
  const format = new Intl.NumberFormat(language, { style: 'currency', currency });
  return amount => format.format(amount);
}

/* An amount in the reader's notation, with the bare number beside it for machines. */
export function Money({ amount, className }: { amount: number; className?: string | undefined }) {
  const format = useMoney();
  return (
    <data value={amount.toFixed(2)} className={className}>
      {format(amount)}
    </data>
  );
}

/* The sign of the marketplace's currency, as the reader's language writes it. */
export function useCurrencySign(): string {
  const { language, currency } = useLocale();
  const parts = new Intl.NumberFormat(language, { style: 'currency', currency }).formatToParts(0);
  return parts.find(part => part.type === 'currency')?.value ?? currency;
}
