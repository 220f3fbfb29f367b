/*
 * Sessions end every few seconds here, and nobody notices: they are renewed by the page that is
 * open, and on the way to the next page.
 */
import assert from 'node:assert/strict';

import { api, eventually, listTicket, newPerson, openPage, startStack, test } from './harness.mjs';
import { buy, heading } from './steps.mjs';

const SECONDS = 6;
const stack = await startStack({ env: [`JWT_SECONDS=${SECONDS}`] });

const account = (page, person) => page.getByText(`Account of ${person.email}`);

const cookieOf = async (person, name) =>
  (await person.context.cookies()).find(cookie => cookie.name === name);

/** Wait until this person's session is over, whether or not their browser has its cookie. */
function isOver(person) {
  return eventually(
    async () => (await api(person, 'GET', '/api/orders')).status === 401,
    'the session is over',
  );
}

test('a page that stays open keeps its reader signed in', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, person);
  await page.goto('/orders');

  const first = (await cookieOf(person, 'session')).value;
  const begun = Date.now();
  await eventually(() => Date.now() > begun + 2 * SECONDS * 1000, 'two sessions’ time has gone by');
  assert.notEqual((await cookieOf(person, 'session')).value, first);
  await account(page, person).waitFor({ state: 'attached' });
  assert.equal((await api(person, 'GET', '/api/orders')).status, 200);
});

test('a session that has ended is taken up again on the way to a page', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, person);
  await page.goto('/orders');
  await page.goto('about:blank'); // nobody keeps it
  await isOver(person);

  await page.goto('/listings?status=sold');
  await heading(page, 'My listings');
  assert(page.url().endsWith('/listings?status=sold'));
  await account(page, person).waitFor({ state: 'attached' });
});

test('a session that has ended is renewed by the click that needs it', async t => {
  const ticket = await listTicket(await newPerson(stack), { title: 'Harbour Lights: gate 3' });
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 401/] });
  await page.clock.install(); // whose timers stand still: this page renews nothing by itself
  await page.goto(`/tickets/${ticket.id}`);
  await page.clock.pauseAt(Date.now() + 1000);
  await isOver(buyer);

  await page.getByRole('button', { name: /^Buy for / }).click();
  await page.clock.resume();
  await page.waitForURL('**/orders/*');
  await heading(page, 'Almost yours');
});

test('who comes back by a link of another site is signed in a moment later', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, person);
  await page.goto('/orders');
  await page.route('http://elsewhere.example/', route =>
    route.fulfill({ contentType: 'text/html', body: `<a href="${stack.url}/">Tickets</a>` }),
  );
  await page.goto('http://elsewhere.example/');
  await isOver(person);

  await page.getByRole('link', { name: 'Tickets' }).click();
  await page.waitForURL(`${stack.url}/`);
  await account(page, person).waitFor({ state: 'attached' });
});

test('who was signed out is not taken for signed in, and is led back after signing in', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, person, { expected: [/status of 401/] });
  await page.goto('/orders');
  await page.goto('about:blank'); // where nothing is renewed in the very moment of the sign-out
  assert.equal((await api(person, 'POST', '/api/users/signout', {})).status, 200);

  await page.goto('/orders');
  await heading(page, 'Sign in');
  assert.equal(new URL(page.url()).searchParams.get('next'), '/orders');
  assert.equal(await account(page, person).count(), 0);
});

test('nobody is sent to another site after signing in', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, person);

  for (const next of [
    'https://elsewhere.example/',
    '//elsewhere.example/',
    '/\\elsewhere.example',
  ]) {
    await page.goto(`/auth/signin?next=${encodeURIComponent(next)}`);
    await page.waitForURL(`${stack.url}/`);
  }
});

test('a purchase outlives several sessions', async t => {
  const ticket = await listTicket(await newPerson(stack), { title: 'Harbour Lights: gate 4' });
  const buyer = await newPerson(stack);
  const page = await openPage(t, buyer, { expected: [/status of 401/] });
  await page.goto(`/tickets/${ticket.id}`);
  await buy(page);
  const begun = Date.now();

  await eventually(() => Date.now() > begun + 2 * SECONDS * 1000, 'two sessions’ time has gone by');
  await page.getByRole('button', { name: 'Cancel this order' }).click();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await heading(page, 'This order was cancelled');
});
