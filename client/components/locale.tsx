'use client';

/*
 * The reader's language and the marketplace's currency, for everything that prints money or time.
 * The server takes the language from the request and hands it down, so that what it rendered and
 * what the browser renders are the same text.
 */
import { createContext, useContext, type ReactNode } from 'react';

interface Locale {
  language: string;
  currency: string;
}

const Context = createContext<Locale>({ language: 'en-US', currency: 'USD' });

export function LocaleProvider({ children, ...locale }: Locale & { children: ReactNode }) {
  return <Context value={locale}>{children}</Context>;
}

export function useLocale(): Locale {
  return useContext(Context);
}
