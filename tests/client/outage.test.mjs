/*
 * Something is away: the page says so in words, never in a stack, goes on with what it has, and is
 * well again by itself when what was away is back.
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
import {
  charges,
  deafen,
  enterCard,
  expectPaidOnce,
  heading,
  orderIs,
  pay,
  payButton,
  ticketIs,
} from './steps.mjs';

const stack = await startStack();

const AWAY = /\b50[023]\b|ERR_FAILED|ERR_INCOMPLETE|ERR_EMPTY|status of 4\d\d/;

/** Stop a service for the time of `meanwhile`; it is back even if that fails. */
async function without(service, meanwhile) {
  await stack.tell(`stop ${service}`);
  try {
    await meanwhile();
  } finally {
    await stack.tell(`start ${service}`);
  }
}

async function anOrder(t) {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack), { title: 'Jazz Night: bar', price: 15 });
  const order = await orderTicket(buyer, ticket.id);
  const page = await openPage(t, buyer, { expected: [AWAY] });
  return { buyer, ticket, order, page };
}

/** The page says what is away, and nothing of how it knows. */
async function saysAway(page, what) {
  await page.getByText(`${what} cannot be shown right now`).waitFor();
  const text = await page.locator('body').innerText();
  assert.doesNotMatch(text, /\bat .*\.js:|Error:|undefined|ECONN|fetch failed|Bad Gateway/);
}

test('without the tickets service the home page says so, and heals by itself', async t => {
  const seller = await newPerson(stack);
  await listTicket(seller, { title: 'Swan Lake: row 5', price: 20 });
  const page = await openPage(t, seller, { expected: [AWAY] });

  await without('tickets', async () => {
    const response = await page.goto('/?q=swan');
    assert.equal(response.status(), 200);
    await saysAway(page, 'The tickets');
    assert.equal(await page.getByLabel('Search tickets').inputValue(), 'swan');
    await page.goto('/listings');
    await saysAway(page, 'Your listings');
    await page.goto('/?q=swan');
    await saysAway(page, 'The tickets');
  });
  await page.getByRole('link', { name: /Swan Lake/ }).waitFor(); // no reload by hand
});

test('a seller’s click that finds no service says so, and works when it is made again', async t => {
  const seller = await newPerson(stack);
  const page = await openPage(t, seller, { expected: [AWAY] });
  await page.goto('/tickets/new');
  await page.getByLabel('What is it for?').fill('Giselle: row 9');
  await page.getByLabel('Price').fill('20');
  const button = page.getByRole('button', { name: 'Put it up for sale' });

  await without('tickets', async () => {
    await button.click();
    await page.getByRole('alert').filter({ hasText: 'does not answer right now' }).waitFor();
    assert.equal(await page.getByLabel('What is it for?').inputValue(), 'Giselle: row 9');
  });
  await button.click();
  await heading(page, 'Giselle');
});

test('without the orders service a ticket is still shown, orders come back by themselves', async t => {
  const { ticket, order, page } = await anOrder(t);

  await without('orders', async () => {
    await page.goto(`/tickets/${ticket.id}`);
    await heading(page, 'Jazz Night');
    await page.goto(`/orders/${order.id}`);
    await saysAway(page, 'Your order');
  });
  await heading(page, 'Almost yours');
});

test('a click to buy that finds no orders service says so, and buys when it is made again', async t => {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack), { title: 'Tosca: row 1', price: 15 });
  const page = await openPage(t, buyer, { expected: [AWAY] });
  await page.goto(`/tickets/${ticket.id}`);
  const button = page.getByRole('button', { name: 'Buy for $15.00' });

  await without('orders', async () => {
    await button.click();
    await page.getByRole('alert').filter({ hasText: 'does not answer right now' }).waitFor();
  });
  await button.click();
  await page.waitForURL('**/orders/*');
  await heading(page, 'Almost yours');
  assert.equal((await api(buyer, 'GET', '/api/orders')).body.length, 1);
});

test('a ticket of which orders has not heard stays for sale, and is bought a moment later', async t => {
  const buyer = await newPerson(stack);
  const seller = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 404/, AWAY] });
  const button = page.getByRole('button', { name: 'Buy for $15.00' });
  const notice = page.getByRole('status').filter({ hasText: 'only just listed' });

  await stack.tell('kill nats');
  try {
    const ticket = await listTicket(seller, { title: 'Norma: row 1', price: 15 });
    await page.goto(`/tickets/${ticket.id}`);
    await button.click();
    await notice.waitFor();
    await page.getByText('Available', { exact: true }).waitFor();
  } finally {
    await stack.tell('start nats');
  }
  await eventually(async () => {
    const order = { ticketId: page.url().split('/').at(-1), price: 0.5 }; // below what it costs
    return (await api(seller, 'POST', '/api/orders', order)).status !== 404;
  }, 'orders has heard of the ticket');
  await button.click();
  await heading(page, 'Almost yours');
  assert.equal((await api(buyer, 'GET', '/api/orders')).body.length, 1);
});

test('a payment that finds no payments service is asked again, and made once', async t => {
  const { order, page } = await anOrder(t);
  await page.goto(`/orders/${order.id}`);
  await enterCard(page);

  await without('payments', async () => {
    await payButton(page).click();
    await page.getByText('We do not know yet whether it went through').waitFor();
    assert.deepEqual(await charges(stack, order.id), []);
  });
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 1500);
});

test('a connection that is lost while paying costs nobody a second time', async t => {
  const { buyer, order, page } = await anOrder(t);
  const keys = [];
  await deafen(page);
  await page.route('**/api/payments', async route => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch(); // it is paid, and the answer is lost
    await orderIs(buyer, order.id, 'complete');
    return route.abort();
  });
  await page.goto(`/orders/${order.id}`);

  await pay(page);
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 1500);
  assert.equal(new Set(keys).size, 1);
  assert.equal((await charges(stack, order.id)).length, 1);
});

test('while Stripe stands still the buyer is told that it is not known, and pays once', async t => {
  const { order, page } = await anOrder(t);
  await page.goto(`/orders/${order.id}`);
  await page.route('**/v1/tokens', async route => {
    const token = await route.fetch();
    await stack.tell('pause stripe'); // between the card and the charge
    await route.fulfill({ response: token });
  });

  try {
    await pay(page);
    await page.getByText('We do not know yet whether it went through').waitFor();
  } finally {
    await stack.tell('resume stripe');
  }
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, order.id, 1500);
});

test('a card form that cannot be loaded is said so, and can be tried again', async t => {
  const { order, page } = await anOrder(t);
  await page.route('**/js.stripe.com/**', route => route.abort());
  await page.goto(`/orders/${order.id}`);

  await page.getByRole('alert').filter({ hasText: 'The card form cannot be loaded' }).waitFor();
  await page.unroute('**/js.stripe.com/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByLabel('Card number').waitFor();
});

test('where streams are refused a page asks instead, and knows it all the same', async t => {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack), { title: 'Aida: row 3', price: 15 });
  const page = await openPage(t, await newPerson(stack), { expected: [/\b503\b/] });
  await page.route('**/events*', route => route.fulfill({ status: 503 }));
  await page.goto(`/tickets/${ticket.id}`);
  await page.getByRole('button', { name: 'Buy for $15.00' }).waitFor();

  await orderTicket(buyer, ticket.id);
  await page.getByRole('heading', { name: 'On hold for another buyer' }).waitFor();
});

test('a stream that its service’s end has cut goes on when the service is back', async t => {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack), { title: 'Lakmé: row 3', price: 15 });
  const page = await openPage(t, await newPerson(stack), { expected: [AWAY] });
  await page.goto(`/tickets/${ticket.id}`);
  await page.getByRole('button', { name: 'Buy for $15.00' }).waitFor();

  await stack.tell('kill tickets');
  await stack.tell('start tickets');
  await orderTicket(buyer, ticket.id);
  await ticketIs(buyer, ticket.id, 'reserved');
  await page.getByRole('heading', { name: 'On hold for another buyer' }).waitFor();
});

test('without the auth service the pages are there, and who is signed in stays so', async t => {
  const { order, page, buyer } = await anOrder(t);
  await page.goto('/');

  await without('auth', async () => {
    await page.goto(`/orders/${order.id}`);
    await heading(page, 'Almost yours');
    await page.getByText(`Account of ${buyer.email}`).waitFor({ state: 'attached' });
    const guest = await openPage(t, stack, { expected: [AWAY] });
    await guest.goto('/auth/signin');
    await guest.getByLabel('Email').fill(buyer.email);
    await guest.getByLabel('Password').fill(buyer.password);
    await guest.getByRole('button', { name: 'Sign in' }).click();
    await guest.getByRole('alert').filter({ hasText: 'does not answer right now' }).waitFor();
  });
  await pay(page);
  await heading(page, 'The ticket is yours');
});
