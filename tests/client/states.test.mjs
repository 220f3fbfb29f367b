/*
 * Reload and the back button in each state of an order, and the minutes of a hold that are told.
 */
import assert from 'node:assert/strict';

import {
  api,
  eventually,
  listTicket,
  newPerson,
  openPage,
  orderTicket,
  startStack,
  test,
} from './harness.mjs';
import { CARDS, buy, expectPaidOnce, heading, orderIs, pay } from './steps.mjs';

const stack = await startStack();

async function aTicket() {
  return listTicket(await newPerson(stack), { title: 'The Paper Lanterns: row 1', price: 30 });
}

/** Away by a link of the page and back, and anew: it is as it was. */
async function leaveAndReturn(page, title) {
  await page.reload();
  await heading(page, title);
  await page.getByRole('link', { name: 'Ticketing, home' }).click();
  await page.waitForURL('**/');
  await page.goBack();
  await heading(page, title);
  await page.goto('/listings');
  await page.goBack();
  await heading(page, title);
}

test('an order that waits for its payment waits on, after a reload and on the way back', async t => {
  const page = await openPage(t, await newPerson(stack));
  const ticket = await aTicket();
  await page.goto(`/tickets/${ticket.id}`);
  const order = await buy(page);

  await page.goBack(); // to the ticket, which is theirs to pay for
  await page.getByRole('heading', { name: 'You hold this ticket' }).waitFor();
  await page.goForward();
  await heading(page, 'Almost yours');
  await leaveAndReturn(page, 'Almost yours');
  await pay(page);
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order, 3000);
});

test('a payment that the bank asks about is taken up again after a reload', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  const order = await orderTicket(buyer, (await aTicket()).id);
  await page.goto(`/orders/${order.id}`);
  await pay(page, CARDS.asksTheBank);
  await page.getByRole('button', { name: 'Complete authentication' }).waitFor();
  await orderIs(buyer, order.id, 'awaiting:payment');

  await page.reload();
  await heading(page, 'Finishing your payment');
  await page.getByRole('button', { name: 'Continue with the bank' }).click();
  await page.getByRole('button', { name: 'Complete authentication' }).click();
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 3000);
});

test('a payment under way is told of in another window, which sees how it ends', async t => {
  const buyer = await newPerson(stack);
  const [page, other] = [await openPage(t, buyer), await openPage(t, buyer)];
  const order = await orderTicket(buyer, (await aTicket()).id);
  await page.goto(`/orders/${order.id}`);
  await pay(page, CARDS.asksTheBank);
  await page.getByRole('button', { name: 'Complete authentication' }).waitFor();
  await orderIs(buyer, order.id, 'awaiting:payment');

  await other.goto(`/orders/${order.id}`);
  await heading(other, 'Finishing your payment');
  await other.getByText('A payment is under way').waitFor();
  await page.getByRole('button', { name: 'Complete authentication' }).click();
  await heading(other, 'The ticket is yours');
});

test('a ticket that was bought stays so, after a reload and on the way back', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  const ticket = await aTicket();
  await page.goto(`/tickets/${ticket.id}`);
  const order = await buy(page);
  await pay(page);
  await heading(page, 'The ticket is yours');

  await leaveAndReturn(page, 'The ticket is yours');
  await page.goto(`/tickets/${ticket.id}`);
  await page.getByRole('heading', { name: 'This ticket is yours' }).waitFor();
  await page.getByRole('link', { name: 'See your order' }).click();
  await page.waitForURL(`**/orders/${order}`);
  await expectPaidOnce(stack, order, 3000);
});

test('an order that was cancelled elsewhere is so here at once, and stays so', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  const order = await orderTicket(buyer, (await aTicket()).id);
  await page.goto(`/orders/${order.id}`);
  await heading(page, 'Almost yours');

  assert.equal((await api(buyer, 'DELETE', `/api/orders/${order.id}`)).status, 204);
  await heading(page, 'This order was cancelled');
  await leaveAndReturn(page, 'This order was cancelled');
});

test('five, two and one minutes before the end it is said how long is left', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  await page.clock.install();
  const order = await orderTicket(buyer, (await aTicket()).id);
  const heard = page.waitForResponse(`**/api/orders/${order.id}`); // sets the page's clock
  await page.goto(`/orders/${order.id}`);
  await heard;

  const said = page.getByRole('status').filter({ hasText: /minutes? left to pay/ });
  assert.match(await page.getByRole('timer').textContent(), /1[45]:\d\d/);
  assert.equal(await said.count(), 0);
  await page.clock.fastForward('10:05');
  await said.filter({ hasText: 'Less than 5 minutes' }).waitFor();
  await page.clock.fastForward('03:00');
  await said.filter({ hasText: 'Less than 2 minutes' }).waitFor();
  await page.clock.fastForward('01:00');
  await said.filter({ hasText: 'Less than 1 minute' }).waitFor();
  assert.match(await page.getByRole('timer').textContent(), /0:\d\d/);
});

test('a clock that is ten minutes fast takes nothing off the time to pay', async t => {
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer);
  await page.clock.install({ time: Date.now() + 10 * 60_000 });
  const order = await orderTicket(buyer, (await aTicket()).id);

  await page.goto(`/orders/${order.id}`);
  const timer = page.getByRole('timer');
  const shown = async () => {
    const [, minutes, seconds] = (await timer.textContent()).match(/(\d+):(\d\d)$/);
    return Number(minutes) * 60 + Number(seconds);
  };
  const real = () => (Date.parse(order.expiresAt) - Date.now()) / 1000;
  await eventually(async () => Math.abs((await shown()) - real()) < 1.5, 'it is counted right');
  const first = await shown();
  await eventually(async () => (await shown()) < first, 'it goes on');
});
