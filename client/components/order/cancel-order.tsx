'use client';

/* The way out of an order, asked twice: a ticket that is let go may be gone a moment later. */
import { useState } from 'react';

import { Button } from '@/components/button';
import { Dialog } from '@/components/dialog';
import { Notice } from '@/components/notice';
import { ask } from '@/lib/browser';
import type { LiveOrder } from '@/lib/use-order';

export function CancelOrder({ live }: { live: LiveOrder }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const close = () => {
    setOpen(false);
    setProblem(null);
  };
  const cancel = async () => {
    setBusy(true);
    setProblem(null);
    const reply = await ask(`/api/orders/${live.order.id}`, { method: 'DELETE' });
    // Whatever was answered, the order itself says how it stands: refused may mean complete by now.
    const { status } = await live.reload();
    setBusy(false);
    if (status === 'complete' || status === 'cancelled') close();
    else if (!reply.ok) setProblem(reply.errors[0]?.message ?? 'That did not work. Try again.');
  };

  return (
    <>
      <Button look="plain" small onClick={() => setOpen(true)}>
        Cancel this order
      </Button>
      {open && (
        <Dialog
          title="Cancel this order?"
          onClose={close}
          actions={
            <>
              <Button look="danger" busy={busy} onClick={() => void cancel()}>
                Cancel the order
              </Button>
              <Button look="secondary" onClick={close}>
                Keep it
              </Button>
            </>
          }
        >
          <p>
            The ticket goes back on sale at once, and somebody else may buy it. A payment that is
            under way is given back.
          </p>
          {problem && <Notice tone="bad" title={problem} live />}
        </Dialog>
      )}
    </>
  );
}
