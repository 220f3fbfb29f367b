/*
 * The time to pay: it runs out while somebody is typing, when nothing is heard of it,
 * and whatever is done with the browser's own buttons meanwhile.
 */
import assert from 'node:assert/strict';

import { listTicket, newPerson, openPage, orderTicket, startStack, test } from './harness.mjs';
import { deafen, heading, orderIs, ticketIs } from './steps.mjs';

const SECONDS = 16;
const stack = await startStack({ env: [`LOCK_SECONDS=${SECONDS}`] });

async function aTicket() {
  return listTicket(await newPerson(stack), { title: 'Moonlight Cinema: deck chair 7', price: 12 });
}

/** An order on its page. The time is short, so what a browser needs is fetched before it begins. */
async function openOrder(t, buyer, ticket) {
  const page = await openPage(t, buyer);
  await page.goto('/orders');
  const order = await orderTicket(buyer, ticket.id);
  await page.goto(`/orders/${order.id}`);
  return page;
}

test('the time runs out while a card is being typed, and the ticket is offered again', async t => {
  const buyer = await newPerson(stack);
  const ticket = await aTicket();
  const page = await openOrder(t, buyer, ticket);

  await heading(page, 'Almost yours');
  await page.getByLabel('Card number').pressSequentially('42424242');
  await page.getByRole('timer').filter({ hasText: '0:0' }).waitFor();
  await page.getByRole('status').filter({ hasText: 'Less than 1 minute left' }).waitFor();
  await heading(page, 'The time to pay ran out');
  await page.getByText('It is free again').waitFor();
  assert.equal(await page.getByLabel('Card number').count(), 0);
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    'H1',
    'the focus went with the field, to where the news is',
  );
  await page.getByRole('link', { name: 'Buy it again' }).click();
  await page.getByRole('button', { name: 'Buy for $12.00' }).waitFor();
});

test('who was too late hears that somebody else has the ticket, and that it comes free', async t => {
  const [buyer, next] = [await newPerson(stack), await newPerson(stack)];
  const ticket = await aTicket();
  const page = await openOrder(t, buyer, ticket);

  await heading(page, 'The time to pay ran out');
  await ticketIs(next, ticket.id, 'available');
  await orderTicket(next, ticket.id);
  await page.getByText('Somebody else holds it now').waitFor();
  await page.getByText('It is free again').waitFor();
});

test('an order that has expired stays so after a reload, and on the way back to it', async t => {
  const buyer = await newPerson(stack);
  const ticket = await aTicket();
  const page = await openOrder(t, buyer, ticket);

  await heading(page, 'The time to pay ran out');
  await page.reload();
  await heading(page, 'The time to pay ran out');
  await page.getByRole('link', { name: 'My orders' }).first().click();
  await heading(page, 'My orders');
  await page.getByText('Cancelled').waitFor();
  await page.goBack();
  await heading(page, 'The time to pay ran out');
  assert.equal(await page.getByRole('button', { name: /^Pay/ }).count(), 0);
});

test('the list of orders sees by itself that the time of one is over', async t => {
  const buyer = await newPerson(stack);
  const ticket = await aTicket();
  await orderTicket(buyer, ticket.id);
  const page = await openPage(t, buyer);

  await page.goto('/orders');
  await page.getByRole('heading', { name: 'Waiting for you' }).waitFor();
  await page.getByRole('heading', { name: 'Past' }).waitFor();
  assert.equal(await page.getByRole('link', { name: /^Pay now/ }).count(), 0);
});

test('a page that hears nothing asks at the end of the time how the order stands', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  await deafen(page);
  const order = await orderTicket(buyer, (await aTicket()).id);

  await page.goto(`/orders/${order.id}`);
  await heading(page, 'The time to pay ran out');
  await orderIs(buyer, order.id, 'cancelled');
});
