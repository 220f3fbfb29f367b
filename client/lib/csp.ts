/*
 * The Content-Security-Policy: scripts run only with this answer's nonce, or when such a script
 * loads them; nothing inline, nothing framed, nothing posted elsewhere. Stripe's own origins are
 * allowed where Stripe's own script is configured; the local Stripe is behind the same edge.
 */
const STRIPE_HOSTS = 'https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com';

export const STRIPE_JS_URL = process.env.STRIPE_JS_URL || 'https://js.stripe.com/v3/';

export function contentSecurityPolicy(nonce: string): string {
  const stripe = STRIPE_JS_URL.startsWith('https://js.stripe.com/');
  const development = process.env.NODE_ENV === 'development';
  return [
    `default-src 'self'`,
    // React's development build evaluates what it shows in its error overlay.
    `script-src 'nonce-${nonce}' 'strict-dynamic'${development ? ` 'unsafe-eval'` : ''}`,
    `style-src 'self' ${development ? `'unsafe-inline'` : `'nonce-${nonce}'`}`,
    `img-src 'self' data:${stripe ? ' https://*.stripe.com' : ''}`,
    `connect-src 'self'${stripe ? ' https://api.stripe.com' : ''}`,
    `frame-src ${stripe ? STRIPE_HOSTS : `'none'`}`,
    `font-src 'self'`,
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}
