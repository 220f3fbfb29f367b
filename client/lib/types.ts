/* What the API answers, as docs/openapi says it. Times are ISO 8601 texts, money is in major units. */

export type TicketStatus = 'available' | 'reserved' | 'sold' | 'withdrawn';

export interface Ticket {
  id: string;
  title: string;
  price: number;
  userId: string;
  version: number;
  orderId?: string;
  status: TicketStatus;
}

export type OrderStatus = 'created' | 'awaiting:payment' | 'complete' | 'cancelled';

export type OrderCause =
  | 'ordered'
  | 'payment-started'
  | 'payment-authorized'
  | 'payment-failed'
  | 'buyer-cancelled'
  | 'expired'
  | 'ticket-withdrawn'
  | 'user-banned';

export interface OrderStep {
  status: OrderStatus;
  at: string;
  cause: OrderCause;
}

export interface Order {
  id: string;
  status: OrderStatus;
  userId: string;
  expiresAt: string;
  ticket: { id: string; title: string; price: number; version: number };
  version: number;
  history: OrderStep[];
}

export type PaymentStatus =
  'started' | 'requires_action' | 'authorized' | 'captured' | 'failed' | 'voided' | 'refunded';

export interface Payment {
  id: string;
  orderId: string;
  amount: number;
  currency: string;
  status: PaymentStatus;
  version: number;
  clientSecret?: string;
}

export interface User {
  id: string;
  email: string;
  role: 'user' | 'admin';
  iat: number;
  exp: number;
}

/* A list that was asked for with `limit`. */
export interface Page<T> {
  results: T[];
  next: string | null;
}

export interface ApiError {
  message: string;
  field?: string;
}
