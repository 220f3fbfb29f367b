/*
 * The operator's page: what is well and what is not is seen there within seconds, and what nobody
 * could handle is shown and handed over again.
 */
import assert from 'node:assert/strict';

import {
  admin,
  listTicket,
  newPerson,
  openPage,
  orderTicket,
  startStack,
  test,
} from './harness.mjs';
import { heading, orderIs, pay } from './steps.mjs';

const stack = await startStack();
const boss = await admin(stack);

async function openOps(t, { expected = [] } = {}) {
  const page = await openPage(t, boss, { expected });
  await page.goto('/ops');
  await heading(page, 'Operations');
  return page;
}

const panel = (page, name) => page.getByRole('region', { name });
const tile = (page, service) =>
  panel(page, 'Services')
    .getByRole('listitem')
    .filter({ has: page.getByRole('heading', { name: service, exact: true }) });

test('an admin sees that all is well, and what that means', async t => {
  const page = await openOps(t);

  await page.getByRole('heading', { name: 'All is well' }).waitFor();
  for (const service of ['auth', 'tickets', 'orders', 'expiration', 'payments'])
    await tile(page, service).getByText('Ready', { exact: true }).waitFor();
  for (const store of ['MongoDB', 'NATS', 'Redis', 'Stripe'])
    await panel(page, 'Stores').getByText(store, { exact: true }).first().waitFor();
  assert.equal(await page.getByText('Cannot be shown').count(), 0);
});

test('a service that is killed is seen so within seconds, and seen again', async t => {
  const page = await openOps(t);

  await stack.tell('kill expiration');
  const begun = Date.now();
  await tile(page, 'expiration').getByText('Away', { exact: true }).waitFor();
  const seconds = (Date.now() - begun) / 1000;
  assert(seconds < 20, `after ${seconds} s`); // 2 s between two looks, 1.5 s for no answer
  await page.getByRole('link', { name: 'expiration is away' }).waitFor();
  await tile(page, 'orders').getByText('Ready', { exact: true }).waitFor();

  await stack.tell('start expiration');
  await tile(page, 'expiration').getByText('Ready', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'expiration is away' }).waitFor({ state: 'detached' });
});

test('what nobody could handle is listed, shown and handed over again', async t => {
  const page = await openOps(t);
  const letters = panel(page, 'Dead letters');
  const letter = letters.getByRole('listitem').filter({ hasText: 'for orders' });
  await letters.getByText('Every event was handled.').waitFor();

  await stack.tell('poison tickets');
  await page.getByRole('link', { name: /dead letters/ }).waitFor();
  await letter.locator('summary').click();
  await letter.getByText('"not an id"').waitFor();
  await letter.getByRole('button', { name: 'Replay ticket.updated for orders' }).click();
  const dialog = page.getByRole('dialog', { name: 'Replay ticket.updated?' });
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await letter.getByText('replayed once').count(), 0);

  await letter.getByRole('button', { name: 'Replay ticket.updated for orders' }).click();
  await dialog.getByRole('button', { name: 'Replay', exact: true }).click();
  await letters.getByText('1 event could not be handled; the reason is in the list.').waitFor();
  await letter.getByText('replayed once').waitFor(); // it is still poison
});

test('an order’s path is drawn and told, step by step, while it is taken', async t => {
  const seller = await newPerson(stack);
  const buyer = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Carmen: row 5', price: 42.5 });
  const order = await orderTicket(buyer, ticket.id);
  const page = await openOps(t);
  await page.getByLabel('Order id').fill(` ${order.id.toUpperCase()} `);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL(`**/ops/orders/${order.id}`);
  await page.getByRole('heading', { name: 'Carmen: row 5' }).waitFor();
  const steps = page.getByRole('list').filter({ hasText: 'The buyer orders the ticket.' });
  await steps.getByText('orders says order.created').waitFor();

  const buyers = await openPage(t, buyer);
  await buyers.goto(`/orders/${order.id}`);
  await pay(buyers);
  await orderIs(buyer, order.id, 'complete');
  await steps.getByText('payments says payment.created').waitFor(); // without a reload
  await steps.getByText('The ticket is sold.').waitFor();
  const told = (await steps.allTextContents()).join(' ');
  const parts = ['order.created', 'payment.started', 'payment.authorized', 'order.completed'];
  const places = parts.map(part => told.indexOf(part));
  assert(!places.includes(-1), told);
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  await page.getByRole('img', { name: 'The order’s path as a sequence diagram' }).waitFor();
});

test('the path of no order is said to be none', async t => {
  const page = await openPage(t, boss, { expected: [/status of 404/] });
  const response = await page.goto(`/ops/orders/${'a'.repeat(24)}`);
  assert.equal(response.status(), 404);
  await page.getByRole('heading', { name: 'No order has this id' }).waitFor();

  await page.getByLabel('Order id').fill('nonsense');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByText('That is no order’s id').waitFor();
});

test('an audit runs when it is asked for, and says what it found', async t => {
  const page = await openOps(t);
  const audit = panel(page, 'Last audit');

  await audit.getByRole('button', { name: 'Run now' }).click();
  await audit.getByText('Every promise is kept').waitFor();
  await audit.getByText(/Read in .*: .*\d+ orders/).waitFor();
});

test('to others there is no such page, and whoever is nobody is asked to sign in', async t => {
  const page = await openPage(t, await newPerson(stack), { expected: [/status of 404/] });
  for (const path of ['/ops', '/ops/orders', `/ops/orders/${'a'.repeat(24)}`]) {
    const response = await page.goto(path);
    assert.equal(response.status(), 404, path);
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  }
  assert.equal(await page.getByRole('link', { name: 'Operations' }).count(), 0);

  const guest = await openPage(t, stack);
  await guest.goto('/ops');
  await heading(guest, 'Sign in');
});

test('while a store’s answer is missing the page goes on with the rest', async t => {
  const page = await openOps(t);

  await stack.tell('pause stripe');
  try {
    await page.getByRole('link', { name: 'Stripe is away' }).waitFor();
    await tile(page, 'orders').getByText('Ready', { exact: true }).waitFor();
  } finally {
    await stack.tell('resume stripe');
  }
  await page.getByRole('link', { name: 'Stripe is away' }).waitFor({ state: 'detached' });
});
