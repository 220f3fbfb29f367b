'use client';

/*
 * Keeps the session alive while a page is open, and notices when it has ended.
 *
 * When more than half of it is spent, and whenever the page is looked at again after that, auth is
 * asked who is there: it re-issues a living session. One that is over is renewed by its refresh
 * token. Where that is refused too (signed out elsewhere, banned), and where another page of this
 * browser signs out, the page is drawn again as nobody's. A page that was drawn as nobody's for
 * somebody who may return (proxy.ts says when) is drawn again for them.
 */
import { useRouter } from 'next/navigation';
import { useEffect } from 'react';

import { isSignedIn, onSignOut, refreshSession } from '@/lib/browser';

interface Session {
  id: string;
  halfAt: number; // ms since 1970
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Props {
  session: Session | null;
  /* Nobody is signed in, but a session was here. */
  returning: boolean;
}

export function SessionKeeper({ session, returning }: Props) {
  const router = useRouter();
  const { id, halfAt } = session ?? { id: null, halfAt: 0 };

  useEffect(() => {
    if (!returning) return;
    void refreshSession().then(signedIn => signedIn && router.refresh());
  }, [returning, router]);

  useEffect(() => {
    if (id === null) return;
    let ended = false;
    const stopListening = onSignOut(() => router.refresh());

    const keep = async () => {
      if (ended || document.visibilityState === 'hidden' || Date.now() < halfAt) return;
      const signedIn = (await isSignedIn()) || (await refreshSession());
      if (!ended && signedIn !== undefined) router.refresh(); // brings the new session's half
    };
    const keepNow = () => void keep();
    const timer = setTimeout(
      keepNow,
      Math.min(Math.max(halfAt - Date.now(), 0) + 1000, LONGEST_TIMER_MS),
    );
    document.addEventListener('visibilitychange', keepNow);
    return () => {
      ended = true;
      stopListening();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', keepNow);
    };
  }, [id, halfAt, router]);

  return null;
}
