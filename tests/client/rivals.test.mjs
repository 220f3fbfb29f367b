/*
 * Whoever wants the same ticket, changes it, or is sent away meanwhile: nobody is left with an error
 * that they cannot read, or pays more than they agreed to.
 */
import assert from 'node:assert/strict';

import {
  admin,
  api,
  eventually,
  listTicket,
  newPerson,
  openPage,
  startStack,
  test,
} from './harness.mjs';
import { buy, deafen, heading, signIn, ticketIs } from './steps.mjs';

const stack = await startStack();

/** A ticket for sale that orders has heard of, and its seller. */
async function aTicket(price = 20) {
  const seller = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Open Courts Final: row 5', price });
  await ordersKnow(ticket.id, price);
  return { seller, ticket };
}

/** An order at a price below that names the price, and orders nothing. */
async function ordersKnow(ticketId, price) {
  const asker = await newPerson(stack);
  await eventually(async () => {
    const { body } = await api(asker, 'POST', '/api/orders', { ticketId, price: 0.5 });
    return body.currentPrice === price;
  }, `orders knows ticket ${ticketId} at ${price}`);
}

async function setPrice(seller, { id, title }, price) {
  const answer = await api(seller, 'PUT', `/api/tickets/${id}`, { title, price });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  await ordersKnow(id, price);
}

async function openTicket(t, who, ticket, expected = []) {
  const page = await openPage(t, who, { expected });
  await page.goto(`/tickets/${ticket.id}`);
  await heading(page, 'Open Courts Final');
  return page;
}

const buyButton = page => page.getByRole('button', { name: /^Buy for / });

async function cancelOrder(page) {
  await page.getByRole('button', { name: 'Cancel this order' }).click();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await heading(page, 'This order was cancelled');
}

test('of two who click at once one has the ticket, and the other sees it come free', async t => {
  const { ticket } = await aTicket();
  const pages = [];
  for (let i = 0; i < 2; i++)
    pages.push(await openTicket(t, await newPerson(stack), ticket, [/status of 400/]));

  const buttons = await Promise.all(pages.map(page => buyButton(page).elementHandle()));
  await Promise.all(buttons.map(button => button.evaluate(element => element.click())));
  const winner = await Promise.any(
    pages.map(page => page.waitForURL('**/orders/*').then(() => page)),
  );
  const loser = pages.find(page => page !== winner);
  await loser
    .getByRole('heading', { name: /Somebody was a moment quicker|On hold for another buyer/ })
    .waitFor();
  assert(loser.url().endsWith(ticket.id));
  assert.equal(await buyButton(loser).count(), 0);

  await cancelOrder(winner);
  await buyButton(loser).waitFor(); // without a reload
  await buy(loser);
});

test('who clicks on what was just taken is told so kindly, at once', async t => {
  const { ticket } = await aTicket();
  const [quick, slow] = [await newPerson(stack), await newPerson(stack)];
  const page = await openPage(t, slow, { expected: [/status of 400/] });
  await deafen(page);
  await page.goto(`/tickets/${ticket.id}`);
  await buy(await openTicket(t, quick, ticket));

  await buyButton(page).click();
  await page.getByRole('heading', { name: 'Somebody was a moment quicker' }).waitFor();
  await page.getByRole('link', { name: 'Other tickets for this event' }).waitFor();
  await page.getByRole('region', { name: 'Purchase' }).and(page.locator(':focus')).waitFor();
});

test('who clicks on what was just withdrawn is told so, and finds other tickets', async t => {
  const { seller, ticket } = await aTicket();
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 404/] });
  await deafen(page);
  await page.goto(`/tickets/${ticket.id}`);
  assert.equal((await api(seller, 'DELETE', `/api/tickets/${ticket.id}`)).status, 204);
  await eventually(async () => {
    const order = { ticketId: ticket.id, price: 0.5 };
    return (await api(buyer, 'POST', '/api/orders', order)).status === 404;
  }, 'orders has heard of the withdrawal');

  await buyButton(page).click();
  await page.getByRole('heading', { name: 'Withdrawn' }).waitFor();
  await page.getByRole('link', { name: 'Other tickets for this event' }).waitFor();
  await page.getByRole('region', { name: 'Purchase' }).and(page.locator(':focus')).waitFor();
});

test('a price that rose unseen is asked about, with both prices, and can be left or agreed to', async t => {
  const { seller, ticket } = await aTicket(20);
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 409/] });
  await deafen(page);
  await page.goto(`/tickets/${ticket.id}`);
  await setPrice(seller, ticket, 35);

  const dialog = page.getByRole('dialog', { name: 'The price has changed' });
  await buyButton(page).click();
  await dialog.getByText('$20.00').waitFor();
  await dialog.getByText('$35.00', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.deepEqual((await api(buyer, 'GET', '/api/orders')).body, []);

  await buyButton(page).click();
  await dialog.getByRole('button', { name: 'Buy for $35.00' }).click();
  await page.waitForURL('**/orders/*');
  await page.getByRole('button', { name: 'Pay $35.00' }).waitFor();
});

test('a price that changes before a reader’s eyes is shown beside the one before', async t => {
  const { seller, ticket } = await aTicket(20);
  const page = await openTicket(t, await newPerson(stack), ticket);

  await setPrice(seller, ticket, 18);
  await page.getByRole('button', { name: 'Buy for $18.00' }).waitFor();
  await page.getByRole('status').filter({ hasText: 'The price has changed.' }).waitFor();
  assert.match(await page.getByRole('region', { name: 'Purchase' }).textContent(), /before: \$20/);
});

test('a seller is offered no way to buy their own ticket', async t => {
  const { seller, ticket } = await aTicket();
  const page = await openTicket(t, seller, ticket);

  await page.getByRole('heading', { name: 'You are selling this' }).waitFor();
  assert.equal(await buyButton(page).count(), 0);
});

test('a buyer who holds a ticket finds back to the order from its page', async t => {
  const { ticket } = await aTicket();
  const page = await openTicket(t, await newPerson(stack), ticket);
  const order = await buy(page);

  await page.goto(`/tickets/${ticket.id}`);
  await page.getByRole('heading', { name: 'You hold this ticket' }).waitFor();
  await page.getByRole('link', { name: 'Go to your order' }).click();
  await page.waitForURL(`**/orders/${order}`);
});

test('somebody’s order is not there for anybody else', async t => {
  const { ticket } = await aTicket();
  const order = await buy(await openTicket(t, await newPerson(stack), ticket));
  const page = await openPage(t, await newPerson(stack), { expected: [/status of 404/] });

  await page.goto(`/orders/${order}`);
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  assert(!(await page.content()).includes('Open Courts'));
});

test('a banned buyer is sent to sign in by the next click, and buys nothing', async t => {
  const { ticket } = await aTicket();
  const buyer = await newPerson(stack);
  const page = await openTicket(t, buyer, ticket, [/status of 40[01]/]);
  const boss = await admin(stack);

  assert.equal((await api(boss, 'POST', `/api/users/${buyer.id}/ban`, {})).status, 200);
  await eventually(
    async () => (await api(buyer, 'GET', '/api/orders')).status === 401,
    'orders has heard of the ban',
  );
  await buyButton(page).click();
  await heading(page, 'Sign in');
  await signIn(page, buyer);
  await page.getByRole('alert').filter({ hasText: 'Account is banned' }).waitFor();
  assert(page.url().includes('/auth/signin'));
  await ticketIs(boss, ticket.id, 'available');
});

test('a sign-out in another window is seen at once, and what was meant to be bought still is', async t => {
  const { ticket } = await aTicket();
  const buyer = await newPerson(stack);
  const page = await openTicket(t, buyer, ticket);
  const other = await openPage(t, buyer);

  await other.goto('/');
  await other.getByRole('banner').locator('summary').click();
  await other.getByRole('link', { name: 'Sign out' }).click();
  await other.getByRole('link', { name: 'Sign in' }).first().waitFor();
  await page.getByRole('link', { name: 'Sign in to buy' }).click();
  await heading(page, 'Sign in');
  await signIn(page, buyer);
  await page.waitForURL(`**/tickets/${ticket.id}`);
  await buy(page);
});

test('a session that was ended unheard is missed at the next click, which leads back here', async t => {
  const { ticket } = await aTicket();
  const buyer = await newPerson(stack);
  const page = await openTicket(t, buyer, ticket, [/status of 401/]);

  assert.equal((await api(buyer, 'POST', '/api/users/signout', {})).status, 200);
  await buyButton(page).click();
  await heading(page, 'Sign in');
  await signIn(page, buyer);
  await page.waitForURL(`**/tickets/${ticket.id}`);
  await buy(page);
});
