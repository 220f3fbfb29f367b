import type { OrderStatus, TicketStatus } from '@/lib/types';
import { classes } from '@/lib/classes';
import type { Tone } from '@/lib/tone';
import styles from './badge.module.css';
import tones from './tones.module.css';

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return <span className={classes(styles.badge, tones[tone])}>{children}</span>;
}

const TICKET: Record<TicketStatus, [Tone, string]> = {
  available: ['good', 'Available'],
  reserved: ['warn', 'On hold'],
  sold: ['none', 'Sold'],
  withdrawn: ['none', 'Withdrawn'],
};

const ORDER: Record<OrderStatus, [Tone, string]> = {
  created: ['warn', 'Held for you'],
  'awaiting:payment': ['info', 'Payment under way'],
  complete: ['good', 'Paid'],
  cancelled: ['none', 'Cancelled'],
};

export function TicketBadge({ status }: { status: TicketStatus }) {
  const [tone, text] = TICKET[status];
  return <Badge tone={tone}>{text}</Badge>;
}

export function OrderBadge({ status }: { status: OrderStatus }) {
  const [tone, text] = ORDER[status];
  return <Badge tone={tone}>{text}</Badge>;
}
