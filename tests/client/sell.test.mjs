/*
 * Selling: what is wrong is said beside the field it is about, and nobody's change is lost under
 * another's.
 */
import assert from 'node:assert/strict';

import { api, listTicket, newPerson, openPage, startStack, test } from './harness.mjs';
import { describedAs, heading } from './steps.mjs';

const stack = await startStack();

const titleField = page => page.getByLabel('What is it for?');
const priceField = page => page.getByLabel('Price');

/** Somebody with a ticket, on the page where it is edited. */
async function editing(t, expected = []) {
  const seller = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Hamlet: row 1', price: 20 });
  const page = await openPage(t, seller, { expected });
  await page.goto(`/tickets/${ticket.id}/edit`);
  await heading(page, 'Edit your ticket');
  return { seller, ticket, page };
}

test('a ticket is put up for sale, and stands among the seller’s and everybody’s', async t => {
  const page = await openPage(t, await newPerson(stack));
  await page.goto('/');
  await page.getByRole('link', { name: 'Sell', exact: true }).click();
  await heading(page, 'Sell a ticket');
  await titleField(page).fill('The Cherry Orchard, Old Theatre, 12 March: row C, seat 14');
  await priceField(page).fill('18,50'); // as many keyboards write it
  await page.getByRole('complementary').getByText('$18.50').waitFor();
  await page.getByRole('button', { name: 'Put it up for sale' }).click();

  await heading(page, 'The Cherry Orchard');
  await page.getByRole('heading', { name: 'You are selling this' }).waitFor();
  await page.getByText('row C, seat 14').waitFor();
  await page.goto('/listings');
  const row = page.getByRole('listitem').filter({ hasText: 'The Cherry Orchard' });
  await row.getByText('Available').waitFor();
  await page.goto('/?q=cherry+orchard');
  await page
    .getByRole('main')
    .getByRole('link', { name: /The Cherry Orchard.*\$18\.50/ })
    .waitFor();
});

test('what is wrong with a ticket is said beside its field, and what was typed stays', async t => {
  const page = await openPage(t, await newPerson(stack), { expected: [/status of 400/] });
  await page.goto('/tickets/new');
  const button = page.getByRole('button', { name: 'Put it up for sale' });

  await priceField(page).fill('-3');
  await button.click();
  await page.locator('[name=title][aria-invalid=true]').waitFor();
  assert.match(await describedAs(titleField(page)), /Title/);
  assert.match(await describedAs(priceField(page)), /Price/);
  assert(await titleField(page).evaluate(field => field === document.activeElement));
  assert.equal(await priceField(page).inputValue(), '-3');

  await titleField(page).fill('Hamlet');
  await button.click();
  await page.locator('[name=title]:not([aria-invalid])').waitFor();
  assert.match(await describedAs(priceField(page)), /Price/);
  assert(await priceField(page).evaluate(field => field === document.activeElement));
});

test('signing up says beside each field what is wrong with it', async t => {
  const page = await openPage(t, stack, { expected: [/status of 400/] });
  await page.goto('/auth/signup');

  await page.getByLabel('Email').fill('nobody');
  await page.getByLabel('Password').fill('abc');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.locator('[name=email][aria-invalid=true]').waitFor();
  assert.match(await describedAs(page.getByLabel('Email')), /[Ee]mail/);
  assert.match(await describedAs(page.getByLabel('Password')), /Password/);
  assert(await page.getByLabel('Email').evaluate(field => field === document.activeElement));
});

test('a wrong password is refused in words, without saying whose fault it is', async t => {
  const person = await newPerson(stack);
  const page = await openPage(t, stack, { expected: [/status of 4\d\d/] });
  await page.goto('/auth/signin');

  for (const email of [person.email, 'stranger@example.com']) {
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'Invalid credentials' }).waitFor();
    await page.reload();
  }
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

test('a ticket is edited', async t => {
  const { ticket, page } = await editing(t);

  await priceField(page).fill('25');
  await page.getByRole('button', { name: 'Save the changes' }).click();
  await page.waitForURL(`**/tickets/${ticket.id}`);
  await page.getByRole('region', { name: 'Purchase' }).getByText('$25.00').waitFor();
});

test('a ticket that was changed elsewhere meanwhile is shown, and the seller chooses', async t => {
  const { seller, ticket, page } = await editing(t, [/status of 412/]);
  const changed = { title: 'Hamlet: row 2', price: 30 };
  const { status } = await api(seller, 'PUT', `/api/tickets/${ticket.id}`, changed);
  assert.equal(status, 200);

  await priceField(page).fill('25');
  await page.getByRole('button', { name: 'Save the changes' }).click();
  const notice = page.getByRole('status').filter({ hasText: 'changed while you were editing' });
  await notice.getByText('Hamlet: row 2 · $30.00').waitFor();
  assert.equal((await api(seller, 'GET', `/api/tickets/${ticket.id}`)).body.price, 30);

  await notice.getByRole('button', { name: 'Keep what I wrote' }).click();
  assert.equal(await priceField(page).inputValue(), '25');
  await page.getByRole('button', { name: 'Save the changes' }).click();
  await page.waitForURL(`**/tickets/${ticket.id}`);
  assert.equal((await api(seller, 'GET', `/api/tickets/${ticket.id}`)).body.price, 25);
});

test('a change whose answer was lost is not denied when it is made again', async t => {
  const { seller, ticket, page } = await editing(t, [/ERR_FAILED/, /status of 412/]);
  const path = `/api/tickets/${ticket.id}`;
  await page.route(
    `**${path}`,
    async route => {
      await route.fetch(); // it is saved, and the answer is lost
      await route.abort();
    },
    { times: 1 },
  );

  await titleField(page).fill('  Hamlet: row 7 ');
  await priceField(page).fill('25,5');
  const button = page.getByRole('button', { name: 'Save the changes' });
  await button.click();
  await page.getByRole('alert').filter({ hasText: 'The connection was lost' }).waitFor();
  await button.click();
  await page.waitForURL(`**/tickets/${ticket.id}`);
  await page.getByRole('region', { name: 'Purchase' }).getByText('$25.50').waitFor();
  assert.equal((await api(seller, 'GET', path)).body.version, 1); // saved once
});

test('a listing whose answer was lost is sent again as the same, and a changed one is not', async t => {
  const seller = await newPerson(stack);
  const page = await openPage(t, seller, { expected: [/ERR_FAILED/] });
  const keys = [];
  await page.route('**/api/tickets', async route => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length === 1) await route.fetch(); // it is listed: only the answer is lost
    return keys.length < 4 ? route.abort() : route.continue();
  });
  await page.goto('/tickets/new');
  await titleField(page).fill('Woyzeck: row 1');
  const button = page.getByRole('button', { name: 'Put it up for sale' });
  const alert = page.getByRole('alert').filter({ hasText: 'The connection was lost' });

  for (const price of ['20', '20', '21']) {
    await priceField(page).fill(price);
    await button.click();
    await alert.waitFor();
  }
  await priceField(page).fill('20');
  await button.click();
  await heading(page, 'Woyzeck');
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(
    keys.map(key => keys.indexOf(key)),
    [0, 0, 2, 0],
  );
  const { body } = await api(seller, 'GET', '/api/tickets/mine?limit=9');
  assert.deepEqual(
    body.results.map(({ title }) => title),
    ['Woyzeck: row 1'],
  );
});

test('a ticket is withdrawn after a second question, and whoever looks at it sees so', async t => {
  const seller = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Faust: box 3', price: 20 });
  const [page, looker] = [await openPage(t, seller), await openPage(t, stack)];
  await looker.goto(`/tickets/${ticket.id}`);
  await looker.getByRole('link', { name: 'Sign in to buy' }).waitFor();

  await page.goto('/listings');
  await page.getByRole('button', { name: 'Withdraw Faust: box 3' }).click();
  const dialog = page.getByRole('dialog', { name: 'Withdraw this ticket?' });
  await dialog.getByRole('button', { name: 'Keep it for sale' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Withdraw Faust: box 3' }).click();
  await dialog.getByRole('button', { name: 'Withdraw it' }).click();
  await page.getByRole('listitem').getByText('Withdrawn').waitFor();
  assert.equal(await page.getByRole('button', { name: /^Withdraw/ }).count(), 0);
  await looker.getByRole('heading', { name: 'Withdrawn' }).waitFor();
});

test('a withdrawal whose answer was lost is one, and the reader is not lost either', async t => {
  const seller = await newPerson(stack);
  const ticket = await listTicket(seller, { title: 'Norma: box 3', price: 20 });
  const page = await openPage(t, seller, { expected: [/ERR_FAILED/] });
  await page.route(`**/api/tickets/${ticket.id}`, async route => {
    if (route.request().method() !== 'DELETE') return route.continue();
    await route.fetch();
    return route.abort();
  });

  await page.goto('/listings');
  await page.getByRole('button', { name: 'Withdraw Norma: box 3' }).click();
  await page.getByRole('button', { name: 'Withdraw it' }).click();
  await page.getByRole('listitem').getByText('Withdrawn').waitFor();
  await page.getByRole('list', { name: 'Your tickets' }).and(page.locator(':focus')).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('nobody can edit what somebody else sells, or without signing in', async t => {
  const ticket = await listTicket(await newPerson(stack));
  const other = await newPerson(stack);
  const [page, guest] = [await openPage(t, other), await openPage(t, stack)];

  await page.goto(`/tickets/${ticket.id}/edit`);
  await page.getByRole('heading', { name: 'This ticket is somebody else’s' }).waitFor();
  assert.equal(await priceField(page).count(), 0);
  await guest.goto(`/tickets/${ticket.id}/edit`);
  await heading(guest, 'Sign in');
  assert.equal(new URL(guest.url()).searchParams.get('next'), `/tickets/${ticket.id}/edit`);
});

test('listings are shown by their state', async t => {
  const seller = await newPerson(stack);
  await listTicket(seller, { title: 'Macbeth: row 1', price: 20 });
  const gone = await listTicket(seller, { title: 'Othello: row 1', price: 20 });
  assert.equal((await api(seller, 'DELETE', `/api/tickets/${gone.id}`)).status, 204);
  const page = await openPage(t, seller);
  await page.goto('/listings');
  await page.getByText('2 tickets').waitFor();

  await page.getByRole('link', { name: 'Withdrawn' }).click();
  await page.getByText('One ticket').waitFor();
  await page.getByRole('link', { name: 'Othello' }).waitFor();
  await page.getByRole('link', { name: 'Sold' }).click();
  await page.getByRole('heading', { name: 'Nothing here: sold' }).waitFor();
});
