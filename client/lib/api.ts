/*
 * The API as the server's components ask it: the reader's cookie goes along, so each answer is what
 * that reader may see. Nothing is cached but within one render.
 *
 * An answer is one of three: `ok` with its data; `refused` with the status (401, 404, 400 …);
 * `away`, where the service could not be reached in time or says 5xx or 429. A page says so and
 * goes on with what it has (components/away.tsx): one service that is down is no reason to show
 * nothing.
 */
import 'server-only';

import { cookies } from 'next/headers';
import { cache } from 'react';

import { API_URL } from './api-url';
import { readSession, SESSION_COOKIE } from './session-cookie';
import type { ApiError, User } from './types';

const TIMEOUT_MS = 4000;

export type Answer<T> =
  | { kind: 'ok'; data: T; at: string }
  | { kind: 'refused'; status: number; errors: ApiError[] }
  | { kind: 'away' };

/* GET `path` ("/api/tickets/…") as the reader. `at` is the server's time of the answer. */
export const apiGet = cache(async function <T>(path: string): Promise<Answer<T>> {
  // Written by hand: Next.js escapes what it writes of cookies (the jar as a text, and the request's
  // own header once the proxy has set one), and a session's base64 may end in "=".
  const jar = (await cookies()).getAll();
  const cookie = jar.map(({ name, value }) => `${name}=${value}`).join('; ');
  try {
    const response = await fetch(API_URL + path, {
      headers: { cookie, accept: 'application/json' },
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status >= 500 || response.status === 429) return { kind: 'away' };
    const body: unknown = await response.json();
    if (!response.ok)
      return {
        kind: 'refused',
        status: response.status,
        errors: (body as { errors?: ApiError[] }).errors ?? [],
      };
    return { kind: 'ok', data: body as T, at: new Date().toISOString() };
  } catch {
    return { kind: 'away' }; // refused, reset, too late, or no JSON
  }
}) as <T>(path: string) => Promise<Answer<T>>;

/* Who is reading; null for nobody. While auth is away the cookie's own word is taken, for display. */
export const currentUser = cache(async function (): Promise<User | null> {
  const jar = await cookies();
  if (!jar.has(SESSION_COOKIE)) return null;
  const answer = await apiGet<{ currentUser: User | null }>('/api/users/currentuser');
  if (answer.kind === 'ok') return answer.data.currentUser;
  return readSession(jar, Date.now());
});
