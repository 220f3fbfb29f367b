import Link from 'next/link';

import { classes } from '@/lib/classes';
import { titleParts } from '@/lib/title';
import { Badge } from './badge';
import { Money } from './money';
import { Poster } from './poster';
import styles from './ticket-card.module.css';

interface TicketCardProps {
  title: string;
  price: number;
  /* What it cost when the page was drawn, where that has changed. */
  was?: number | undefined;
  /* Without one it is a picture of a card: the seller's preview. */
  href?: string;
  /* What has become of it since the page was drawn. */
  mark?: { tone: 'good' | 'warn' | 'none'; text: string } | undefined;
  dimmed?: boolean;
}

/* A ticket as a stub, torn between the picture and the words. The whole of it is one link, whose
 * name is all that it says: event, where, seat, price. */
export function TicketCard({ title, price, was, href, mark, dimmed }: TicketCardProps) {
  const { name, where, seat } = titleParts(title);
  const stub = (
    <>
      <span className={styles.picture}>
        <Poster name={name} className={styles.poster} />
      </span>
      <span className={styles.words}>
        <span className={styles.name}>{name}</span>
        {where && <span className={styles.where}>{where}</span>}
        {seat && <span className={styles.seat}>{seat}</span>}
        <span className={styles.foot}>
          <span className={styles.price}>
            <Money amount={price} />
            {was !== undefined && (
              <s className={styles.was}>
                <span className="visually-hidden">before: </span>
                <Money amount={was} />
              </s>
            )}
          </span>
          {mark && <Badge tone={mark.tone}>{mark.text}</Badge>}
        </span>
      </span>
    </>
  );
  const className = classes(styles.card, dimmed && styles.dimmed);
  // Not prefetched: two dozen requests for the one that is opened.
  return href === undefined ? (
    <div className={className}>{stub}</div>
  ) : (
    <Link href={href} prefetch={false} className={className}>
      {stub}
    </Link>
  );
}
