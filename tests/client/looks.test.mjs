/*
 * How the pages look (looks.mjs) that are for everybody, for sellers and for the operator.
 */
import assert from 'node:assert/strict';

import { admin, api, newPerson, openPage, orderTicket, startStack, test } from './harness.mjs';
import { inspect, market } from './looks.mjs';
import { orderIs, pay, ticketIs } from './steps.mjs';

const stack = await startStack();

test('the list of tickets', async t => {
  await market(stack);
  const page = await openPage(t, stack);

  await page.goto('/');
  await inspect(page, 'home');
  await page.goto('/?q=nothing+like+this');
  await inspect(page, 'home-nothing-found');
  await page.goto('/?q=swan&sort=price');
  await inspect(page, 'home-search');
});

test('the pages of whoever is not signed in', async t => {
  const { tickets } = await market(stack);
  const page = await openPage(t, stack, { expected: [/status of 40[04]/] });

  await page.goto(`/tickets/${tickets[0].id}`);
  await inspect(page, 'ticket-guest');
  await page.goto('/auth/signin');
  await inspect(page, 'signin');
  await page.goto('/auth/signup');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.locator('[name=email][aria-invalid=true]').waitFor();
  await inspect(page, 'signup-errors');
  await page.goto('/nowhere');
  await inspect(page, 'not-found');
});

test('what a ticket says when others were quicker, or want more', async t => {
  const { seller, tickets } = await market(stack);
  const [buyer, other] = [await newPerson(stack), await newPerson(stack)];
  const page = await openPage(t, buyer, { expected: [/status of 409/] });

  const raised = { errors: [], seenPrice: 155, currentPrice: 170 };
  await page.route('**/api/orders', route => route.fulfill({ status: 409, json: raised }));
  await page.goto(`/tickets/${tickets[3].id}`);
  await page.getByRole('button', { name: /^Buy for/ }).click();
  await page.getByRole('dialog').waitFor();
  await inspect(page, 'ticket-price-changed');

  await orderTicket(other, tickets[0].id);
  await ticketIs(other, tickets[0].id, 'reserved');
  await page.goto(`/tickets/${tickets[0].id}`);
  await inspect(page, 'ticket-on-hold');
  assert.equal((await api(seller, 'DELETE', `/api/tickets/${tickets[4].id}`)).status, 204);
  await page.goto(`/tickets/${tickets[4].id}`);
  await inspect(page, 'ticket-withdrawn');
  await page.goto(`/tickets/${tickets[5].id}`);
  await inspect(page, 'ticket-long-title');
});

test('a seller’s pages', async t => {
  const { seller, tickets } = await market(stack);
  const buyer = await newPerson(stack);
  const page = await openPage(t, seller, { expected: [/status of 4(00|12)/] });

  await orderTicket(buyer, tickets[0].id);
  await ticketIs(seller, tickets[0].id, 'reserved');
  assert.equal((await api(seller, 'DELETE', `/api/tickets/${tickets[4].id}`)).status, 204);
  await page.goto('/listings');
  await inspect(page, 'listings');
  await page
    .getByRole('button', { name: /^Withdraw / })
    .first()
    .click();
  await page.getByRole('dialog').waitFor();
  await inspect(page, 'listings-withdraw');
  await page.goto('/tickets/new');
  await page.getByRole('button', { name: 'Put it up for sale' }).click();
  await page.locator('[name=title][aria-invalid=true]').waitFor();
  await inspect(page, 'sell-errors');
  await page.goto(`/tickets/${tickets[1].id}/edit`);
  const change = { title: tickets[1].title, price: 150 };
  assert.equal((await api(seller, 'PUT', `/api/tickets/${tickets[1].id}`, change)).status, 200);
  await page.getByRole('button', { name: 'Save the changes' }).click();
  await page.getByText('changed while you were editing').waitFor();
  await inspect(page, 'edit-changed-meanwhile');
  await page.goto(`/tickets/${tickets[2].id}`);
  await page.getByRole('banner').locator('summary').click();
  await inspect(page, 'ticket-owner-menu');

  const nothing = await openPage(t, buyer);
  await nothing.goto('/listings');
  await inspect(nothing, 'listings-none');
});

test('the operator’s pages', async t => {
  const { tickets } = await market(stack);
  const buyer = await newPerson(stack);
  const order = await orderTicket(buyer, tickets[0].id);
  const buyers = await openPage(t, buyer);
  await buyers.goto(`/orders/${order.id}`);
  await pay(buyers);
  await orderIs(buyer, order.id, 'complete');
  const page = await openPage(t, await admin(stack), { expected: [/status of 404/] });

  await page.goto('/ops');
  await page.getByRole('heading', { name: 'All is well' }).waitFor();
  await inspect(page, 'ops');
  await page.goto(`/ops/orders/${order.id}`);
  await page.getByText('The ticket is sold.').waitFor();
  await inspect(page, 'ops-order');
  await stack.tell('kill expiration');
  await stack.tell('poison tickets');
  await page.goto('/ops');
  await page.getByRole('link', { name: 'expiration is away' }).waitFor();
  await page.getByRole('link', { name: /dead letters/ }).waitFor();
  await inspect(page, 'ops-trouble');
  await stack.tell('start expiration');
});

test('the page that stands in for what is away', async t => {
  const page = await openPage(t, stack, { expected: [/\b503\b/] });

  await stack.tell('stop tickets');
  await page.goto('/');
  await page.getByText('The tickets cannot be shown right now').waitFor();
  await inspect(page, 'home-away');
  await stack.tell('start tickets');
});
