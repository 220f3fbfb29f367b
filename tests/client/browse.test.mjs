/*
 * Finding a ticket: search, sort and paging, with and without script; and what happens to the
 * tickets on the page while it is looked at.
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
import { heading, ticketIs } from './steps.mjs';

const stack = await startStack();

/** `count` tickets whose titles begin with `name`: name 01 at $1, name 02 at $2…. */
async function tickets(name, count) {
  const seller = await newPerson(stack);
  for (let i = 1; i <= count; i++)
    await listTicket(seller, {
      title: `${name} ${String(i).padStart(2, '0')}: row ${i}`,
      price: i,
    });
  return seller;
}

const cards = page => page.getByRole('main').getByRole('listitem').getByRole('link');

/** The names on the cards, in their order. */
async function names(page) {
  const texts = await cards(page).allTextContents();
  return texts.map(text => text.match(/^(.*?\d\d)/)?.[1]);
}

/** Wait until the cards begin with these, in their order. */
const beginWith = (page, ...wanted) =>
  eventually(
    async () => (await names(page)).slice(0, wanted.length).join() === wanted.join(),
    `the cards are ${wanted.join(', ')}`,
  );

/** Wait until there are as many cards as this. */
const countIs = (page, count) =>
  page.waitForFunction(
    wanted => document.querySelectorAll('main ul a[href^="/tickets/"]').length === wanted,
    count,
  );

/** Shut until it is opened: `opened` is waited for. */
function gate() {
  /** @type {(value?: unknown) => void} */
  let open;
  const opened = new Promise(resolve => {
    open = resolve;
  });
  return { open, opened };
}

test('a search finds the words that titles have, and says how many, or that there is nothing', async t => {
  await tickets('Cello', 3);
  const page = await openPage(t, stack);
  await page.goto('/');

  const field = page.getByLabel('Search tickets');
  await field.fill('cello 02');
  await field.press('Enter');
  await page.getByRole('heading', { name: 'Results for “cello 02”' }).waitFor();
  await page.getByRole('status').filter({ hasText: 'One ticket found.' }).waitFor();
  assert.deepEqual(await names(page), ['Cello 02']);

  await field.fill('nobody <b>plays</b> this');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.getByRole('heading', { name: /^Nothing for “nobody <b>plays/ }).waitFor();
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await page.waitForURL(`${stack.url}/`);
  await page.getByRole('heading', { name: 'Tickets for sale' }).waitFor();
});

test('a list is sorted as asked, and its address keeps that', async t => {
  await tickets('Viola', 3);
  const page = await openPage(t, stack);
  await page.goto('/?q=viola');
  assert.deepEqual(await names(page), ['Viola 03', 'Viola 02', 'Viola 01']); // the newest first

  await page.getByRole('link', { name: 'Price, low to high' }).click();
  await page.waitForURL('**/?q=viola&sort=price');
  await beginWith(page, 'Viola 01', 'Viola 02', 'Viola 03');
  await page.getByRole('link', { name: 'Price, high to low' }).click();
  await page.waitForURL('**/?q=viola&sort=-price');
  await beginWith(page, 'Viola 03', 'Viola 02', 'Viola 01');
  await page.reload();
  assert.deepEqual(await names(page), ['Viola 03', 'Viola 02', 'Viola 01']);
  await page.goBack();
  await page.locator('[aria-current]', { hasText: 'Price, low to high' }).waitFor();
  await beginWith(page, 'Viola 01', 'Viola 02', 'Viola 03');
});

test('a long list grows by a step, and is as long after a ticket was looked at', async t => {
  await tickets('Horn', 30);
  const page = await openPage(t, stack);
  await page.goto('/?q=horn&sort=title');
  await countIs(page, 24);

  await page.getByRole('link', { name: 'Show more' }).click();
  await countIs(page, 30);
  await page.getByRole('status').filter({ hasText: '6 more tickets shown.' }).waitFor();
  await page.locator(':focus', { hasText: 'Horn 25' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Show more' }).count(), 0);

  await cards(page).nth(27).click();
  await heading(page, 'Horn 28');
  await page.goBack();
  await countIs(page, 30);
});

test('more than a page can hold goes on at a page of its own', async t => {
  await tickets('Oboe', 100);
  const page = await openPage(t, stack);

  await page.goto('/?q=oboe&sort=title&show=96');
  await countIs(page, 96);
  await page.getByRole('link', { name: 'Next page' }).click();
  await countIs(page, 4);
  await page.getByRole('link', { name: 'Back to the start' }).click();
  await countIs(page, 24);
  await beginWith(page, 'Oboe 01');
});

test('without script there is the list, its search, sorting and paging, and a ticket', async t => {
  await tickets('Harp', 26);
  const page = await openPage(t, stack, { javaScriptEnabled: false });
  await page.goto('/');
  assert((await cards(page).count()) > 0);

  await page.getByLabel('Search tickets').fill('harp');
  await page.getByLabel('Search tickets').press('Enter');
  await page.waitForURL('**/?q=harp');
  await page.getByRole('link', { name: 'Title, A to Z' }).click();
  await page.waitForURL('**&sort=title');
  await beginWith(page, 'Harp 01');
  assert.equal(await cards(page).count(), 24);
  await page.getByRole('link', { name: 'Show more' }).click();
  await page.waitForURL('**&show=48**');
  assert.equal(await cards(page).count(), 26);
  await cards(page).last().click();
  await heading(page, 'Harp 26');
  await page.getByText('$26.00').first().waitFor();
  await page.getByRole('link', { name: 'Sign in to buy' }).waitFor();
});

test('tickets on the page are taken, freed, re-priced and withdrawn before one’s eyes', async t => {
  const seller = await tickets('Flute', 2);
  const buyer = await newPerson(stack);
  const page = await openPage(t, stack);
  await page.goto('/?q=flute&sort=title');
  const { body: list } = await api(seller, 'GET', '/api/tickets?q=flute&sort=title');
  const card = page.getByRole('listitem').filter({ hasText: 'Flute 01' });
  const hasSaid = text => page.getByRole('status').filter({ hasText: text }).waitFor();

  const order = await orderTicket(buyer, list[0].id);
  await card.getByText('Just taken').waitFor();
  await hasSaid('Flute 01 was just taken.');
  assert.equal((await api(buyer, 'DELETE', `/api/orders/${order.id}`)).status, 204);
  await card.getByText('Free again').waitFor();
  await hasSaid('Flute 01 is free again.');

  const { id, title } = await ticketIs(seller, list[0].id, 'available');
  const { status } = await api(seller, 'PUT', `/api/tickets/${id}`, { title, price: 9 });
  assert.equal(status, 200);
  await card.getByText('$9.00').waitFor();
  assert.match(await card.textContent(), /before: \$1\.00/);
  assert.equal((await api(seller, 'DELETE', `/api/tickets/${id}`)).status, 204);
  await card.getByText('Withdrawn').waitFor();
  assert.deepEqual(await names(page), ['Flute 01', 'Flute 02']); // nothing moves
});

test('an answer that events have overtaken brings nothing back, on any page', async t => {
  for (const { title, path, question } of [
    { title: 'Bassoon', path: () => '/?q=bassoon', question: () => '/api/tickets?' },
    { title: 'Cornet', path: () => '/listings', question: () => '/api/tickets/mine?' },
    { title: 'Zither', path: id => `/tickets/${id}`, question: id => `/api/tickets/${id}` },
  ]) {
    const seller = await newPerson(stack);
    const { id } = await listTicket(seller, { title, price: 20 });
    const page = await openPage(t, seller);
    const seen = [];
    await page.exposeFunction('see', text => seen.push(text));
    const [asked, mayAsk, answered, mayHear] = [gate(), gate(), gate(), gate()];
    await page.route(
      url => url.href.startsWith(stack.url + question(id)),
      async route => {
        asked.open();
        await mayAsk.opened;
        const response = await route.fetch();
        answered.open();
        await mayHear.opened;
        await route.fulfill({ response });
      },
      { times: 1 },
    );
    const changesTo = async price => {
      const { status } = await api(seller, 'PUT', `/api/tickets/${id}`, { title, price });
      assert.equal(status, 200);
    };
    const shows = price => page.getByText(`$${price}.00`).first().waitFor();

    await page.goto(path(id));
    await page.evaluate(() => {
      const main = document.querySelector('main');
      new MutationObserver(() => globalThis.see(main.textContent)).observe(main, {
        subtree: true,
        childList: true,
        characterData: true,
      });
    });
    await asked.opened; // the stream is open
    await changesTo(30);
    await shows(30);
    mayAsk.open();
    await answered.opened;
    await changesTo(40);
    await shows(40);
    const heard = page.waitForEvent('requestfinished', request =>
      request.url().startsWith(stack.url + question(id)),
    );
    mayHear.open();
    await heard;
    await changesTo(50);
    await shows(50);

    const first = seen.findIndex(text => text.includes('$40.00'));
    assert(first >= 0, path(id));
    assert(!seen.slice(first).some(text => text.includes('$30.00')), path(id));
  }
});

test('what is newly listed waits behind a button, and is shown when that is pressed', async t => {
  const seller = await tickets('Tuba', 1);
  const page = await openPage(t, stack);
  await page.clock.install();
  await page.goto('/?q=tuba');
  await countIs(page, 1);

  await listTicket(seller, { title: 'Tuba 02: row 2', price: 2 });
  const news = page.getByRole('button', { name: /^1 new ticket/ });
  // The page looks again every 30 s from the moment that its script runs, whenever that is.
  await eventually(async () => {
    await page.clock.fastForward(31_000);
    return news.isVisible();
  }, 'the page says that there is a new ticket');
  await news.click();
  await countIs(page, 2);
  assert.deepEqual(await names(page), ['Tuba 02', 'Tuba 01']);
});

test('addresses that make no sense are answered with something that does', async t => {
  const page = await openPage(t, stack, { expected: [/status of 404/] });

  await page.goto('/?sort=sideways&show=-7&after=nonsense');
  await page.getByRole('heading', { name: 'That list cannot be shown' }).waitFor();
  for (const path of ['/nowhere', '/tickets/nonsense', `/tickets/${'a'.repeat(24)}`]) {
    const response = await page.goto(path);
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
    assert.equal(response.status(), 404, path);
  }
});
