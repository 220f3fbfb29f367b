'use client';

import { useEffect } from 'react';

import { Button, ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';

/* A defect of ours: said plainly, with a way on. What went wrong stands in the server's log under
 * the digest. */
export default function ErrorPage({
  error,
  reset,
}: {
  error: Error & { digest?: string };
  reset: () => void;
}) {
  useEffect(() => {
    document.title = 'Something went wrong · Ticketing';
  }, []);
  return (
    <div className="wrap">
      <h1 className="visually-hidden">Something went wrong</h1>
      <Empty icon="alert" title="Something went wrong on our side">
        <p>Nothing was bought or sold by it.{error.digest && ` Its number is ${error.digest}.`}</p>
        <Button onClick={reset}>Try again</Button>
        <ButtonLink href="/" look="plain">
          See what is for sale
        </ButtonLink>
      </Empty>
    </div>
  );
}
