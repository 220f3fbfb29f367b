/* What an order's page is about: from how the order stands, the payment made there, and the time. */
import type { PaymentState } from './payment-state';
import type { Order } from './types';

/* Still to be paid for: neither complete nor cancelled. */
export function isOpen({ status }: Order): boolean {
  return status === 'created' || status === 'awaiting:payment';
}

export type Stage = 'pay' | 'pending' | 'late' | 'paid' | 'expired' | 'cancelled';

export function stageOf(order: Order, payment: PaymentState, secondsLeft: number): Stage {
  if (order.status === 'complete') return 'paid';
  if (order.status === 'cancelled')
    return order.history.at(-1)?.cause === 'expired' ? 'expired' : 'cancelled';
  switch (payment.kind) {
    case 'idle':
      if (secondsLeft === 0) return 'late';
      return order.status === 'awaiting:payment' ? 'pending' : 'pay';
    case 'reading':
    case 'paying':
    case 'authenticating':
      return 'pay'; // the card's element must stay where it is
    case 'unsure':
    case 'stuck':
    case 'action':
    case 'paid':
      return 'pending';
  }
}
