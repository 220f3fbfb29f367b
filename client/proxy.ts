/*
 * Before each page: the Content-Security-Policy with its nonce, and the session's renewal.
 *
 * - A session that is more than half spent is renewed by asking auth who is there; the new cookie
 *   goes to the browser, and to the page that is about to be rendered.
 * - A session that is over is renewed with the refresh cookie, which browsers show to /api/users
 *   only: so the browser is sent there (GET /api/users/resume) and comes back. A cookie of ours
 *   says whether there is anything to resume; it is dropped on the way, so nobody goes round in
 *   circles. Who follows a link from another site would not bring the refresh cookie there
 *   (SameSite=Strict, redirects included): they get the page as nobody, and its script renews the
 *   session (components/session-keeper.tsx).
 */
import { NextResponse, type NextRequest } from 'next/server';

import { API_URL } from './lib/api-url';
import { contentSecurityPolicy } from './lib/csp';
import { isHalfSpent, readSession, RETURNING_COOKIE } from './lib/session-cookie';

const RENEW_TIMEOUT_MS = 1500;
const RETURNING_SECONDS = 30 * 24 * 3600; // as long as a refresh token lives

/* The cookies of auth's re-issued session; none if auth is away: the old one still holds. */
async function renew(request: NextRequest): Promise<string[]> {
  try {
    const response = await fetch(`${API_URL}/api/users/currentuser`, {
      headers: { cookie: request.headers.get('cookie') ?? '' },
      cache: 'no-store',
      signal: AbortSignal.timeout(RENEW_TIMEOUT_MS),
    });
    return response.headers.getSetCookie();
  } catch {
    return [];
  }
}

/* The request's Cookie header with the new cookies in it. */
function withCookies(header: string | null, set: string[]): string {
  const jar = new Map<string, string>();
  for (const pair of [...(header ?? '').split(';'), ...set.map(cookie => cookie.split(';')[0]!)]) {
    const at = pair.indexOf('=');
    if (at > 0) jar.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}

/* Shall the browser be sent to renew its session? */
function shouldResume(request: NextRequest): boolean {
  return (
    request.cookies.has(RETURNING_COOKIE) &&
    request.method === 'GET' &&
    request.headers.get('sec-fetch-site') !== 'cross-site'
  );
}

export async function proxy(request: NextRequest): Promise<NextResponse> {
  const now = Date.now();
  const session = readSession(request.cookies, now);
  const { pathname, search } = request.nextUrl;

  if (!session && shouldResume(request)) {
    const back = encodeURIComponent(pathname + search);
    // Next.js wants a whole URL here, and sends the path alone.
    const resume = new URL(`/api/users/resume?next=${back}`, request.nextUrl);
    const response = NextResponse.redirect(resume, 303);
    response.headers.set('Cache-Control', 'no-store');
    response.cookies.set(RETURNING_COOKIE, '', { path: '/', maxAge: 0 });
    return response;
  }

  const set = session && isHalfSpent(session, now) ? await renew(request) : [];
  const policy = contentSecurityPolicy(crypto.randomUUID().replaceAll('-', ''));
  const headers = new Headers(request.headers);
  headers.set('content-security-policy', policy); // where Next.js looks for the nonce
  if (set.length > 0) headers.set('cookie', withCookies(request.headers.get('cookie'), set));

  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  for (const cookie of set) response.headers.append('Set-Cookie', cookie);
  if (session && !request.cookies.has(RETURNING_COOKIE))
    response.cookies.set(RETURNING_COOKIE, '1', {
      path: '/',
      maxAge: RETURNING_SECONDS,
      httpOnly: true,
      sameSite: 'lax',
    });
  return response;
}

export const config = { matcher: ['/((?!_next/static|icon.svg|favicon.ico|api/).*)'] };
