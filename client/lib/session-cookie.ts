/*
 * The session's cookie as the browser shows it to us: base64 of {"jwt":"<JWT>"}.
 *
 * We look at its claims only to know when to renew it and whom to greet. We have no key, so nothing
 * is believed: the services check the signature at each request, and whoever forges a cookie
 * deceives only themselves.
 */
import type { User } from './types';

export const SESSION_COOKIE = process.env.SESSION_COOKIE || 'session';

/* Ours: says that a session was here, and may be renewed when it is over (proxy.ts). */
export const RETURNING_COOKIE = 'returning';

function decode(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
}

/* The claims of a session's cookie; null where it is none, or over. */
export function readSession(cookie: string | undefined, nowMs: number): User | null {
  if (!cookie) return null;
  try {
    const { jwt } = decode(decodeURIComponent(cookie)) as { jwt: string };
    const claims = decode(jwt.split('.')[1] ?? '') as User;
    return claims.exp * 1000 > nowMs ? claims : null;
  } catch {
    return null;
  }
}

/* Is more than half of its life spent? Then auth re-issues it when asked who is there. */
export function isHalfSpent(user: User, nowMs: number): boolean {
  return nowMs / 1000 > (user.iat + user.exp) / 2;
}
