import type { Metadata } from 'next';
import { redirect } from 'next/navigation';

import { currentUser } from '@/lib/api';
import { TicketForm } from '../ticket-form';
import styles from '../ticket-form.module.css';

export const metadata: Metadata = { title: 'Sell a ticket' };

export default async function NewTicketPage() {
  if (!(await currentUser())) redirect('/auth/signin?next=/tickets/new');
  return (
    <div className={`wrap ${styles.page}`}>
      <h1>Sell a ticket</h1>
      <p className="quiet">
        Say what it is and what you want for it. You can change both until somebody orders it, and
        you are told here when it is sold.
      </p>
      <TicketForm />
    </div>
  );
}
