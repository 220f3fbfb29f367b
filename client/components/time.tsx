'use client';

/*
 * An instant in the reader's zone and notation. The server does not know the zone: it renders UTC
 * and says so; the browser puts its own in once it has taken over.
 */
import { useSyncExternalStore } from 'react';

import { useLocale } from './locale';

const never = () => () => undefined;

/* False while the server renders and during hydration, true from then on. */
export function useInBrowser(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

interface Props {
  iso: string;
  /* `moment`: date and time; `clock`: hours, minutes and seconds; `date`: the day alone. */
  show?: 'moment' | 'clock' | 'date';
  className?: string | undefined;
}

const OPTIONS: Record<NonNullable<Props['show']>, Intl.DateTimeFormatOptions> = {
  moment: { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' },
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  date: { day: 'numeric', month: 'long', year: 'numeric' },
};

export function Time({ iso, show = 'moment', className }: Props) {
  const { language } = useLocale();
  const zone: Intl.DateTimeFormatOptions = useInBrowser() ? {} : { timeZone: 'UTC' };
  const text = new Intl.DateTimeFormat(language, { ...OPTIONS[show], ...zone }).format(
    new Date(iso),
  );
  return (
    <time dateTime={iso} className={className}>
      {text}
      {zone.timeZone && show !== 'date' ? ' UTC' : ''}
    </time>
  );
}
