import type { Metadata } from 'next';
import { notFound } from 'next/navigation';

import { Away } from '@/components/away';
import { apiGet, currentUser, type Answer } from '@/lib/api';
import { titleParts } from '@/lib/title';
import type { Order, Ticket } from '@/lib/types';
import { TicketView } from './ticket-view';

/* The same question twice in one rendering is asked once. */
function ticketOf(id: string): Promise<Answer<Ticket>> {
  return apiGet<Ticket>(`/api/tickets/${encodeURIComponent(id)}`);
}

export async function generateMetadata({ params }: PageProps<'/tickets/[id]'>): Promise<Metadata> {
  const answer = await ticketOf((await params).id);
  return { title: answer.kind === 'ok' ? titleParts(answer.data.title).name : 'Ticket' };
}

export default async function TicketPage({ params }: PageProps<'/tickets/[id]'>) {
  const answer = await ticketOf((await params).id);
  if (answer.kind === 'refused') notFound();
  if (answer.kind === 'away')
    return (
      <div className="wrap">
        <h1 className="visually-hidden">Ticket</h1>
        <Away what="The ticket" />
      </div>
    );
  const ticket = answer.data;
  const user = await currentUser();
  // A ticket that is held or sold names its order; only the order's buyer is shown it.
  const order =
    user && ticket.orderId && ticket.userId !== user.id
      ? await apiGet<Order>(`/api/orders/${ticket.orderId}`)
      : null;
  return (
    <TicketView
      key={ticket.id}
      ticket={ticket}
      viewer={user?.id ?? null}
      myOrder={order?.kind === 'ok' ? order.data.id : null}
    />
  );
}
