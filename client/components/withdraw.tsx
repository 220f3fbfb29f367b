'use client';

import { useState } from 'react';
import { flushSync } from 'react-dom';

import { ask } from '@/lib/browser';
import { titleParts } from '@/lib/title';
import type { Ticket } from '@/lib/types';
import { Button } from './button';
import { Dialog } from './dialog';
import { Notice } from './notice';

interface WithdrawProps {
  ticket: Ticket;
  small?: boolean;
  /* It is withdrawn, or has changed meanwhile: here is what it is now. */
  onChange: (ticket: Ticket) => void;
  /* It is withdrawn: the button that was pressed is about to go. */
  onDone: () => void;
}

/* A button that asks first. What is withdrawn is the version that the seller has in front of them. */
export function Withdraw({ ticket, small = false, onChange, onDone }: WithdrawProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const { name } = titleParts(ticket.title);

  const withdraw = async () => {
    setBusy(true);
    setProblem('');
    const path = `/api/tickets/${ticket.id}`;
    const reply = await ask(path, {
      method: 'DELETE',
      headers: { 'If-Match': `"${ticket.version}"` },
    });
    const now = await ask<Ticket>(path);
    // By an attempt whose answer was lost, or which the edge made twice, it is withdrawn too.
    const done = reply.ok || now.data?.status === 'withdrawn';
    // At once, because no focus can be given while the dialog is open.
    flushSync(() => {
      setBusy(false);
      if (done) setOpen(false);
      if (now.ok && now.data) onChange(now.data);
    });
    if (done) onDone();
    else if (reply.status === 412)
      setProblem('The ticket changed while this page was open. What it says now is shown behind.');
    else setProblem(reply.errors[0]?.message ?? '');
  };

  return (
    <>
      <Button look="danger" small={small} onClick={() => setOpen(true)}>
        Withdraw
        {small && <span className="visually-hidden"> {ticket.title}</span>}
      </Button>
      {open && (
        <Dialog
          title="Withdraw this ticket?"
          onClose={() => setOpen(false)}
          actions={
            <>
              <Button busy={busy} onClick={() => void withdraw()}>
                Withdraw it
              </Button>
              <Button look="secondary" onClick={() => setOpen(false)}>
                Keep it for sale
              </Button>
            </>
          }
        >
          <p>
            {name} will no longer be for sale. That cannot be undone, but you can list it again as a
            new ticket.
          </p>
          {problem && <Notice tone="bad" title={problem} live />}
        </Dialog>
      )}
    </>
  );
}
