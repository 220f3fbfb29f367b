/*
 * The session's cookie as the browser shows it to us: base64 of {"jwt":"<JWT>"}.
 *
 * We look at its claims only to know when to renew it and whom to greet. We have no key, so nothing
 * is believed: the services check the signature at each request, and whoever forges a cookie
 * deceives only themselves.
 */
import type { User } from './types';

export const SESSION_COOKIE = process.env.SESSION_COOKIE || 'session';

/* Auth's: the id of the session that was signed out last in this browser. A cookie of it that comes
 * back, with a renewal that was under way, is nobody's (docs/adr/0014). */
const ENDED_COOKIE = 'signed-out';

/* Ours: says that a session was here, and may be renewed when it is over (proxy.ts). */
export const RETURNING_COOKIE = 'returning';

interface Jar {
  get(name: string): { value: string } | undefined;
}

function decode(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
}

/* The claims of the session's cookie; null where there is none, or it is over. */
export function readSession(cookies: Jar, nowMs: number): User | null {
  const cookie = cookies.get(SESSION_COOKIE)?.value;
  if (!cookie) return null;
  try {
    const { jwt } = decode(decodeURIComponent(cookie)) as { jwt: string };
    const claims = decode(jwt.split('.')[1] ?? '') as User & { sid?: string };
    const ended = claims.sid !== undefined && claims.sid === cookies.get(ENDED_COOKIE)?.value;
    return claims.exp * 1000 > nowMs && !ended ? claims : null;
  } catch {
    return null;
  }
}

/* Is more than half of its life spent? Then auth re-issues it when asked who is there. */
export function isHalfSpent(user: User, nowMs: number): boolean {
  return nowMs / 1000 > (user.iat + user.exp) / 2;
}
