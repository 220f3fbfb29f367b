import { Button, ButtonLink } from '@/components/button';
import { Money } from '@/components/money';
import { Notice } from '@/components/notice';
import type { Ticket } from '@/lib/types';
import { NO_EDIT } from './no-edit';
import styles from './ticket-form.module.css';

interface ChangedMeanwhileProps {
  now: Ticket;
  /* Take what is there now, or keep what was typed. */
  onChoice: (take: boolean) => void;
}

/* The ticket was changed elsewhere while it was being edited here: nothing was saved, and the seller
 * chooses. */
export function ChangedMeanwhile({ now, onChoice }: ChangedMeanwhileProps) {
  if (now.status !== 'available')
    return (
      <Notice tone="warn" title={NO_EDIT[now.status].title} live>
        <p>{NO_EDIT[now.status].text} Your changes were not saved.</p>
        <ButtonLink look="secondary" small href={`/tickets/${now.id}`}>
          See the ticket
        </ButtonLink>
      </Notice>
    );
  return (
    <Notice tone="warn" title="This ticket was changed while you were editing it" live>
      <p>Your changes were not saved. It now says:</p>
      <p className={styles.now}>
        {now.title} · <Money amount={now.price} />
      </p>
      <div className={styles.actions}>
        <Button look="secondary" small onClick={() => onChoice(true)}>
          Use what it says now
        </Button>
        <Button look="secondary" small onClick={() => onChoice(false)}>
          Keep what I wrote
        </Button>
      </div>
    </Notice>
  );
}
