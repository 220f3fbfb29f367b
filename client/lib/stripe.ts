'use client';

/*
 * Stripe.js, loaded from the configured address: Stripe's own, or the local Stripe's behind the
 * edge. Only what both have is used, and where they differ the type says so.
 */
export interface CardChange {
  complete: boolean;
  error?: { message: string };
}

export interface CardElement {
  mount(host: HTMLElement): void;
  destroy(): void;
  /* The local Stripe calls the handler without an event. */
  on(name: 'change', handler: (change?: CardChange) => void): void;
  /* Stripe's own only: */
  update?(options: { style?: unknown; disabled?: boolean }): void;
  focus?(): void;
}

export interface StripeError {
  message?: string;
}

export interface Stripe {
  elements(): { create(kind: 'card', options: unknown): CardElement };
  createToken(card: CardElement): Promise<{ token?: { id: string }; error?: StripeError }>;
  confirmCardPayment(
    clientSecret: string,
  ): Promise<{ error?: StripeError | null; paymentIntent?: { status: string } }>;
}

type StripeFactory = (publishableKey: string) => Stripe;

declare global {
  interface Window {
    Stripe?: StripeFactory;
  }
}

const LOAD_TIMEOUT_MS = 15000;

/* One script for the page; forgotten where it failed, so that it can be tried again. */
let loading: Promise<StripeFactory> | null = null;

/* The Content-Security-Policy lets this script in because ours, which has the nonce, adds it. */
function load(url: string): Promise<StripeFactory> {
  return new Promise<StripeFactory>((resolve, reject) => {
    const script = document.createElement('script');
    const timer = setTimeout(() => reject(new Error('too late')), LOAD_TIMEOUT_MS);
    script.src = url;
    script.onload = () => {
      clearTimeout(timer);
      if (window.Stripe) resolve(window.Stripe);
      else reject(new Error('no Stripe in it'));
    };
    script.onerror = () => {
      clearTimeout(timer);
      script.remove();
      reject(new Error('refused'));
    };
    document.head.append(script);
  });
}

export async function openStripe(url: string, publishableKey: string): Promise<Stripe> {
  loading ??= load(url);
  try {
    return (await loading)(publishableKey);
  } catch (error) {
    loading = null;
    throw error;
  }
}
