import type { Metadata } from 'next';
import { notFound, redirect } from 'next/navigation';

import { Away } from '@/components/away';
import { ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';
import { apiGet, currentUser } from '@/lib/api';
import type { Ticket } from '@/lib/types';
import { NO_EDIT } from '../../no-edit';
import { TicketForm } from '../../ticket-form';
import styles from '../../ticket-form.module.css';

export const metadata: Metadata = { title: 'Edit your ticket' };

export default async function EditTicketPage({ params }: PageProps<'/tickets/[id]/edit'>) {
  const { id } = await params;
  const user = await currentUser();
  if (!user) redirect(`/auth/signin?next=${encodeURIComponent(`/tickets/${id}/edit`)}`);
  const answer = await apiGet<Ticket>(`/api/tickets/${encodeURIComponent(id)}`);
  if (answer.kind === 'refused') notFound();
  return (
    <div className={`wrap ${styles.page}`}>
      <h1>Edit your ticket</h1>
      {answer.kind === 'away' ? (
        <Away what="The ticket" />
      ) : (
        <Edit ticket={answer.data} viewer={user.id} />
      )}
    </div>
  );
}

function Edit({ ticket, viewer }: { ticket: Ticket; viewer: string }) {
  const back = (
    <ButtonLink look="secondary" href={`/tickets/${ticket.id}`}>
      See the ticket
    </ButtonLink>
  );
  if (ticket.userId !== viewer)
    return (
      <Empty icon="lock" title="This ticket is somebody else’s">
        <p>Only its seller can change it.</p>
        {back}
      </Empty>
    );
  if (ticket.status !== 'available')
    return (
      <Empty icon="lock" title={NO_EDIT[ticket.status].title}>
        <p>{NO_EDIT[ticket.status].text}</p>
        {back}
      </Empty>
    );
  return <TicketForm key={ticket.id} ticket={ticket} />;
}
