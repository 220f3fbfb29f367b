'use client';

import { useLocale } from '../locale';
import { useInBrowser } from '../time';

/* "14:02:31.482" in the reader's zone (UTC until the browser has taken over): for drawings, where no
 * <time> can stand, and wherever milliseconds matter. */
export function useExactClock(): (iso: string) => string {
  const { language } = useLocale();
  const zone: Intl.DateTimeFormatOptions = useInBrowser() ? {} : { timeZone: 'UTC' };
  const format = new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
    ...zone,
  });
  return iso => format.format(new Date(iso));
}
