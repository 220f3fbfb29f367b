'use client';

import { useCallback, useEffect, useState } from 'react';

import { Button } from '@/components/button';
import { Notice } from '@/components/notice';
import { signOut } from '@/lib/browser';

/* Signs out as soon as it is shown, and goes home. */
export function SignOut() {
  const [problem, setProblem] = useState<string | null>(null);

  const leave = useCallback(async () => {
    setProblem(null);
    const reply = await signOut();
    if (reply.ok)
      window.location.replace('/'); // a whole new page: the old one was drawn for somebody
    else setProblem(reply.errors[0]?.message ?? '');
  }, []);

  useEffect(() => {
    // Not an answer to a rendering but the purpose of this page.
    void Promise.resolve().then(leave);
  }, [leave]);

  if (problem === null)
    return (
      <>
        <h1>Signing you out …</h1>
        <noscript>
          <p>Signing out needs JavaScript; closing the browser does not end the session.</p>
        </noscript>
      </>
    );
  return (
    <>
      <h1>You are still signed in</h1>
      <Notice tone="bad" title={problem} live>
        <Button look="secondary" small onClick={() => void leave()}>
          Try again
        </Button>
      </Notice>
    </>
  );
}
