/*
 * Sessions end every few seconds here, and nobody notices: they are renewed by the page that is
 * open, and on the way to the next page.
 */
import assert from 'node:assert/strict';

import { api, eventually, listTicket, newPerson, openPage, startStack, test } from './harness.mjs';
import { buy, heading } from './steps.mjs';

const SECONDS = 10; // a busy machine takes seconds to a page, and comes back from a renewal in time
const stack = await startStack({ env: [`JWT_SECONDS=${SECONDS}`] });

const account = (page, person) => page.getByText(`Account of ${person.email}`);

const cookieOf = async (person, name) =>
  (await person.context.cookies()).find(cookie => cookie.name === name);

/** Somebody who was here before: on a busy machine their session may end on the way to the first page. */
async function somebody() {
  const person = await newPerson(stack);
  await person.context.addCookies([{ name: 'returning', value: '1', url: stack.url }]);
  return person;
}

/** Wait until this person's session is over, whether or not their browser has its cookie. */
function isOver(person) {
  return eventually(
    async () => (await api(person, 'GET', '/api/orders')).status === 401,
    'the session is over',
  );
}

test('a page that stays open keeps its reader signed in', async t => {
  const person = await somebody();
  const page = await openPage(t, person);
  await page.goto('/orders');

  const first = (await cookieOf(person, 'session')).value;
  const begun = Date.now();
  await eventually(() => Date.now() > begun + 2 * SECONDS * 1000, 'two sessions’ time has gone by');
  assert.notEqual((await cookieOf(person, 'session'))?.value, first);
  await account(page, person).waitFor({ state: 'attached' });
  await eventually(
    async () => (await api(person, 'GET', '/api/orders')).status === 200,
    'the session goes on',
  );
});

test('a session that has ended is taken up again on the way to a page', async t => {
  const person = await somebody();
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
  const ticket = await listTicket(await somebody(), { title: 'Harbour Lights: gate 3' });
  const buyer = await somebody();
  const page = await openPage(t, buyer, { expected: [/status of 401/] });
  await page.clock.install(); // whose timers stand still: this page renews nothing by itself
  await page.goto(`/tickets/${ticket.id}`);
  await page.clock.pauseAt(Date.now() + 10_000); // the page’s clock goes on until it has heard
  await isOver(buyer);

  await page.getByRole('button', { name: /^Buy for / }).click();
  await page.clock.resume();
  await page.waitForURL('**/orders/*');
  await heading(page, 'Almost yours');
});

test('who comes back by a link of another site is signed in a moment later', async t => {
  const person = await somebody();
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
  const person = await somebody();
  const page = await openPage(t, person, { expected: [/status of 401/] });
  await page.goto('/orders');
  assert.equal((await api(person, 'POST', '/api/users/signout', {})).status, 200);

  await page.goto('/orders');
  await heading(page, 'Sign in');
  assert.equal(new URL(page.url()).searchParams.get('next'), '/orders');
  assert.equal(await account(page, person).count(), 0);
});

/**
 * Keep back what renews the session of this page, as a slow network might. `made`: the server has
 * given such an answer; `release` lets it reach the browser.
 */
function holdRenewals(page) {
  let release = () => {};
  const released = new Promise(resolve => (release = () => resolve(undefined)));
  const made = new Promise(resolve => {
    void page.route('**/api/users/{currentuser,refresh}', async route => {
      const response = await route.fetch();
      if (response.headers()['set-cookie']?.includes('session=')) {
        resolve(undefined);
        await released;
      }
      await route.fulfill({ response });
    });
  });
  return { made, release: () => release() };
}

test('a renewal that is under way does not undo a sign-out, and the other page hears of that', async t => {
  const person = await somebody();
  const page = await openPage(t, person, { expected: [/status of 401/] });
  const renewal = holdRenewals(page);
  await page.goto('/orders');
  await renewal.made;

  const other = await openPage(t, person, { expected: [/status of 401/] });
  await other.goto('/auth/signout');
  await other.waitForURL(`${stack.url}/`);
  await heading(page, 'Sign in'); // it has heard of that

  renewal.release();
  await eventually(() => cookieOf(person, 'session'), 'the late answer has set its cookie');
  assert.equal((await api(person, 'GET', '/api/orders')).status, 401);
  await page.goto('/orders');
  await heading(page, 'Sign in');
  assert.equal(await account(page, person).count(), 0);
});

test('a purchase outlives several sessions', async t => {
  const ticket = await listTicket(await somebody(), { title: 'Harbour Lights: gate 4' });
  const buyer = await somebody();
  const page = await openPage(t, buyer, { expected: [/status of 401/] });
  await page.goto(`/tickets/${ticket.id}`);
  await buy(page);
  const begun = Date.now();

  await eventually(() => Date.now() > begun + 2 * SECONDS * 1000, 'two sessions’ time has gone by');
  await page.getByRole('button', { name: 'Cancel this order' }).click();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await heading(page, 'This order was cancelled');
});
