'use client';

import { useCallback, useEffect, useState } from 'react';

import { openStripe, type Stripe } from './stripe';

export type StripeState =
  { kind: 'loading' } | { kind: 'ready'; stripe: Stripe } | { kind: 'failed'; retry: () => void };

/* Where Stripe's script is, and our key that everybody may know. */
export interface StripeConfig {
  url: string;
  publishableKey: string;
}

/* Stripe for this page; not loaded before it is `wanted`. */
export function useStripe({ url, publishableKey }: StripeConfig, wanted: boolean): StripeState {
  const [state, setState] = useState<StripeState>({ kind: 'loading' });

  const open = useCallback(async () => {
    try {
      const stripe = await openStripe(url, publishableKey);
      setState({ kind: 'ready', stripe });
    } catch {
      setState({
        kind: 'failed',
        retry: () => {
          setState({ kind: 'loading' });
          void open();
        },
      });
    }
  }, [url, publishableKey]);

  useEffect(() => {
    if (wanted) void Promise.resolve().then(open);
  }, [wanted, open]);

  return state;
}
