import type { TicketStatus } from '@/lib/types';

/* Why a ticket cannot be edited. */
export const NO_EDIT: Record<
  Exclude<TicketStatus, 'available'>,
  { title: string; text: string }
> = {
  reserved: {
    title: 'A buyer holds this ticket',
    text: 'They agreed to what it says and costs, so it cannot be changed until they have paid or let it go.',
  },
  sold: {
    title: 'This ticket is sold',
    text: 'What was sold stays as it was.',
  },
  withdrawn: {
    title: 'You withdrew this ticket',
    text: 'To sell it after all, list it as a new ticket.',
  },
};
