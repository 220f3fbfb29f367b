/*
 * A ticket changes hands by card: the whole way on the pages, and each way it can go on it.
 */
import assert from 'node:assert/strict';

import { api, listTicket, newPerson, openPage, orderTicket, startStack, test } from './harness.mjs';
import {
  CARDS,
  buy,
  charges,
  deafen,
  enterCard,
  expectPaidOnce,
  heading,
  orderIs,
  pay,
  payButton,
  signIn,
  ticketIs,
} from './steps.mjs';

const stack = await startStack();

/** An order of somebody new, on its page. */
async function anOrder(t, { expected = [], price = 42.5 } = {}) {
  const seller = await newPerson(stack);
  const buyer = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Opera, Old Theatre: row 5', price });
  const order = await orderTicket(buyer, ticket.id);
  const page = await openPage(t, buyer, { expected });
  await page.goto(`/orders/${order.id}`);
  await heading(page, 'Almost yours');
  return { seller, buyer, ticket, order, page };
}

test('somebody new finds a ticket, signs up, buys it and has it, and its seller sees it sold', async t => {
  const seller = await newPerson(stack);
  const title = 'Nightjar Quartet, Blue Hall, 3 May: row 2, seat 9';
  const ticket = await listTicket(seller, { title, price: 42.5 });
  const sellers = await openPage(t, seller);
  await sellers.goto('/listings');
  const row = sellers.getByRole('listitem').filter({ hasText: 'Nightjar Quartet' });
  await row.getByText('Available').waitFor();

  const page = await openPage(t, stack);
  await page.goto('/');
  await page.getByLabel('Search tickets').fill('nightjar');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Results for “nightjar”' }).waitFor();
  await page.getByRole('link', { name: /Nightjar Quartet/ }).click();
  await heading(page, 'Nightjar Quartet');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await heading(page, 'Create your account');
  await signIn(page, { email: 'new.buyer@example.com', password: 'correct horse' });
  await page.waitForURL(`**/tickets/${ticket.id}`);
  const order = await buy(page);
  await row.getByText('On hold').waitFor();
  await pay(page);
  await heading(page, 'The ticket is yours');
  await row.getByText('Sold').waitFor();

  await page.getByRole('link', { name: 'See my orders' }).click();
  await heading(page, 'My orders');
  const bought = page.getByRole('listitem').filter({ hasText: 'Nightjar Quartet' });
  await bought.getByText('Paid').waitFor();
  assert.equal(await bought.getByText('$42.50').count(), 1);
  await expectPaidOnce(stack, order, 4250);
});

test('a declined card is said so beside the card, and a good one then buys the ticket', async t => {
  const { order, page } = await anOrder(t, { expected: [/status of 400/] });

  await pay(page, CARDS.declined);
  const alert = page.getByRole('alert').filter({ hasText: /declined/ });
  await alert.waitFor();
  await page.getByText('Payment not accepted').waitFor(); // in the order's history
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Almost yours');
  await pay(page);
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 4250);
});

test('a bank that asks its customer is answered, and the ticket is theirs', async t => {
  const { order, page } = await anOrder(t);

  await pay(page, CARDS.asksTheBank);
  await page.getByRole('status').filter({ hasText: 'Your bank wants to know' }).waitFor();
  assert.deepEqual(
    (await charges(stack, order.id)).map(({ status }) => status),
    ['requires_action'],
  );
  await page.getByRole('button', { name: 'Complete authentication' }).click();
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 4250);
});

test('who fails at the bank is told that nothing was charged, and can try again', async t => {
  const { order, page } = await anOrder(t, { expected: [/status of 400/] });

  await pay(page, CARDS.asksTheBank);
  await page.getByRole('button', { name: 'Fail authentication' }).click();
  await page.getByRole('alert').filter({ hasText: 'nothing was charged' }).waitFor();
  await payButton(page).waitFor();
  await pay(page, CARDS.asksTheBank);
  await page.getByRole('button', { name: 'Complete authentication' }).click();
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 4250);
});

test('an order is cancelled after a second question, and the ticket can be bought again', async t => {
  const { buyer, ticket, order, page } = await anOrder(t);
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  const ask = page.getByRole('button', { name: 'Cancel this order' });

  await ask.click();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert(await ask.evaluate(button => button === document.activeElement), 'the focus is back');
  assert.equal((await api(buyer, 'GET', `/api/orders/${order.id}`)).body.status, 'created');

  await ask.click();
  await dialog.getByRole('button', { name: 'Cancel the order' }).click();
  await heading(page, 'This order was cancelled');
  await page.getByText('It is free again').waitFor();
  await orderIs(buyer, order.id, 'cancelled');
  await page.getByRole('link', { name: 'Buy it again' }).click();
  await page.waitForURL(`**/tickets/${ticket.id}`);
  assert.notEqual(await buy(page), order.id);
});

test('two clicks on the button pay once', async t => {
  const { order, page } = await anOrder(t);
  const keys = [];
  page.on('request', request => {
    if (request.url().endsWith('/api/payments')) keys.push(request.headers()['idempotency-key']);
  });

  await enterCard(page);
  await payButton(page).evaluate((/** @type {HTMLElement} */ button) => {
    button.click();
    button.click();
  });
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 4250);
  assert.equal(new Set(keys).size, 1);
  assert.equal((await charges(stack, order.id)).length, 1);
});

test('an order that is paid for in two windows at once is paid for once', async t => {
  const seller = await newPerson(stack);
  const buyer = await newPerson(stack);
  const order = await orderTicket(buyer, (await listTicket(seller)).id);
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = await openPage(t, buyer, { expected: [/status of 4\d\d/] });
    await deafen(page); // neither hears of the other
    await page.goto(`/orders/${order.id}`);
    await enterCard(page);
    pages.push(page);
  }

  await Promise.all(pages.map(page => payButton(page).click()));
  await Promise.all(pages.map(page => heading(page, 'The ticket is yours')));
  await expectPaidOnce(stack, order.id, 4250);
});

test('a seller can neither change nor withdraw what a buyer holds', async t => {
  const { seller, ticket } = await anOrder(t);
  const page = await openPage(t, seller);
  await ticketIs(seller, ticket.id, 'reserved');

  await page.goto(`/tickets/${ticket.id}`);
  await page.getByRole('heading', { name: 'A buyer holds it' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Withdraw' }).count(), 0);
  await page.goto(`/tickets/${ticket.id}/edit`);
  await page.getByRole('heading', { name: 'A buyer holds this ticket' }).waitFor();
  assert.equal(await page.getByLabel('Price').count(), 0);
});
