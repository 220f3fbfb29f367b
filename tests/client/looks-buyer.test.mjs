/*
 * How a buyer's pages look (looks.mjs), from the ticket to the order that is paid or came to nothing.
 */
import assert from 'node:assert/strict';

import { api, newPerson, openPage, orderTicket, startStack, test } from './harness.mjs';
import { inspect, market } from './looks.mjs';
import { CARDS, heading, orderIs, pay, payButton, ticketIs } from './steps.mjs';

const stack = await startStack();

test('a buyer’s pages before and after a purchase', async t => {
  const { tickets } = await market(stack);
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 400/] });

  await page.goto('/orders');
  await inspect(page, 'orders-none');
  await page.goto(`/tickets/${tickets[0].id}`);
  await inspect(page, 'ticket-buyer');
  const bought = await orderTicket(buyer, tickets[0].id);
  await page.goto(`/orders/${bought.id}`);
  await page.getByLabel('Card number').waitFor();
  await inspect(page, 'order-pay');
  await pay(page, CARDS.declined);
  await page
    .getByRole('alert')
    .filter({ hasText: /declined/ })
    .waitFor();
  await inspect(page, 'order-declined');
  await pay(page);
  await heading(page, 'The ticket is yours');
  await inspect(page, 'order-paid');
  await page.goto(`/tickets/${tickets[0].id}`);
  await inspect(page, 'ticket-bought');
});

test('a buyer’s pages when an order came to nothing', async t => {
  const { tickets } = await market(stack);
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);

  const cancelled = await orderTicket(buyer, tickets[1].id);
  assert.equal((await api(buyer, 'DELETE', `/api/orders/${cancelled.id}`)).status, 204);
  await ticketIs(buyer, tickets[1].id, 'available');
  await page.goto(`/orders/${cancelled.id}`);
  await page.getByText('It is free again').waitFor();
  await inspect(page, 'order-cancelled');
  await orderTicket(buyer, tickets[2].id);
  await page.goto('/orders');
  await inspect(page, 'orders');
});

test('a buyer’s pages while a payment is under way', async t => {
  const { tickets } = await market(stack);
  const buyer = await newPerson(stack);
  const order = await orderTicket(buyer, tickets[4].id);
  const page = await openPage(t, buyer, { expected: [/ERR_FAILED/] });

  await page.goto(`/orders/${order.id}`);
  await page.getByRole('button', { name: 'Cancel this order' }).click();
  await inspect(page, 'order-cancel-question');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await pay(page, CARDS.asksTheBank);
  await page.getByRole('button', { name: 'Complete authentication' }).waitFor();
  await inspect(page, 'order-bank', { except: ['region'] }); // of the local Stripe's own question
  await orderIs(buyer, order.id, 'awaiting:payment');
  await page.reload();
  await page.getByRole('button', { name: 'Continue with the bank' }).waitFor();
  await inspect(page, 'order-bank-again');

  const lost = await openPage(t, buyer, { expected: [/ERR_FAILED/] });
  await lost.route('**/api/payments', route => route.abort());
  const other = await orderTicket(buyer, tickets[3].id);
  await lost.goto(`/orders/${other.id}`);
  await pay(lost);
  await lost.getByText('We do not know yet whether it went through').waitFor();
  await inspect(lost, 'order-unsure');
  assert.equal(await payButton(lost).count(), 0);
});
