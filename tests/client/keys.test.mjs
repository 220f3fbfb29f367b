/*
 * Without a mouse, with little sight, without motion: what a person needs who uses the pages
 * another way.
 */
import assert from 'node:assert/strict';

import { listTicket, newPerson, openPage, orderTicket, startStack, test } from './harness.mjs';
import { expectPaidOnce, heading, payButton } from './steps.mjs';

const stack = await startStack();

/** What has the focus, as it would be read out: its name or its text. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const label = element?.id ? document.querySelector(`label[for="${element.id}"]`) : null;
    return (
      element?.getAttribute('aria-label') ??
      label?.textContent ??
      element?.textContent ??
      ''
    ).trim();
  });
}

/** Press Tab until what has the focus is called so; each stop on the way can be seen. */
async function tabTo(page, name) {
  const passed = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (name.test(now)) {
      await expectFocusSeen(page);
      return;
    }
    passed.push(now.slice(0, 40));
  }
  assert.fail(`Tab does not lead to ${name}, but to: ${passed.join(' | ')}`);
}

/** The focus has a ring, or a frame around it has one. */
async function expectFocusSeen(page) {
  const seen = await page.evaluate(() => {
    for (let at = document.activeElement; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) return true;
      if (style.boxShadow !== 'none' && at.matches(':focus-within')) return true;
    }
    return false;
  });
  assert(seen, `the focus on "${await focused(page)}" is not to be seen`);
}

test('a ticket is found and bought with the keyboard alone', async t => {
  await listTicket(await newPerson(stack), { title: 'Così fan tutte: row 5', price: 42.5 });
  const page = await openPage(t, await newPerson(stack));
  const { keyboard } = page;

  await page.goto('/');
  await tabTo(page, /^Search tickets$/);
  await keyboard.type('cosi');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Results for “cosi”' }).waitFor();
  await tabTo(page, /^Così fan tutte/);
  await keyboard.press('Enter');
  await heading(page, 'Così fan tutte');
  await tabTo(page, /^Buy for \$42\.50$/);
  await keyboard.press('Enter');
  await page.waitForURL('**/orders/*');
  await page.getByLabel('Card number').waitFor();
  await tabTo(page, /^Card number$/);
  await keyboard.type('4242424242424242'); // Stripe's element goes on to the next field by itself
  await keyboard.type('12');
  await keyboard.type('34');
  await keyboard.type('123');
  await tabTo(page, /^Pay \$42\.50$/);
  await keyboard.press('Enter');
  await heading(page, 'The ticket is yours');
  await expectPaidOnce(stack, page.url().split('/').at(-1), 4250);
});

test('a ticket is listed with the keyboard alone', async t => {
  const page = await openPage(t, await newPerson(stack));

  await page.goto('/tickets/new');
  await tabTo(page, /^What is it for\?$/);
  await page.keyboard.type('Rusalka: row 1');
  await page.keyboard.press('Tab');
  await page.keyboard.type('12');
  await page.keyboard.press('Enter');
  await heading(page, 'Rusalka');
});

test('the first Tab offers to skip the header, and that leads to the content', async t => {
  const page = await openPage(t, stack);
  await page.goto('/');

  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the content');
  const box = await page.getByRole('link', { name: 'Skip to the content' }).boundingBox();
  assert(box && box.y >= 0 && box.height > 20, 'it can be seen');
  await page.keyboard.press('Enter');
  await page.locator('main:focus').waitFor();
});

test('a question keeps the focus inside, is left by Escape, and gives the focus back', async t => {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack));
  const order = await orderTicket(buyer, ticket.id);
  const page = await openPage(t, buyer);
  await page.goto(`/orders/${order.id}`);
  await page.getByLabel('Card number').waitFor();

  await tabTo(page, /^Cancel this order$/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('Tab');
    const outside = await page.evaluate(
      () => !document.activeElement?.closest('dialog') && document.activeElement !== document.body,
    );
    assert(!outside, `Tab ${i + 1} leads out of it, to ${await focused(page)}`);
  }
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'Cancel this order');
});

test('every page has one first heading, a title of its own, and landmarks', async t => {
  const person = await newPerson(stack);
  const ticket = await listTicket(person);
  const page = await openPage(t, person);
  const titles = new Set();

  for (const path of ['/', `/tickets/${ticket.id}`, '/tickets/new', '/orders', '/listings']) {
    await page.goto(path);
    assert.equal(await page.locator('h1').count(), 1, path);
    for (const landmark of /** @type {const} */ (['banner', 'main', 'contentinfo']))
      assert.equal(await page.getByRole(landmark).count(), 1, `${landmark} of ${path}`);
    titles.add(await page.title());
  }
  assert.equal(titles.size, 5, [...titles].join(' | '));
});

test('who wants no motion is shown none', async t => {
  const buyer = await newPerson(stack);
  const ticket = await listTicket(await newPerson(stack));
  const order = await orderTicket(buyer, ticket.id);
  const page = await openPage(t, buyer);
  await page.emulateMedia({ reducedMotion: 'reduce' });

  for (const path of ['/', `/tickets/${ticket.id}`, `/orders/${order.id}`]) {
    await page.goto(path);
    if (path.includes('orders')) await payButton(page).waitFor();
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .filter(element => {
          const { animationName, animationDuration, transitionDuration } =
            getComputedStyle(element);
          const long = text => text.split(',').some(part => parseFloat(part) > 0.01);
          return (animationName !== 'none' && long(animationDuration)) || long(transitionDuration);
        })
        .map(element => element.outerHTML.slice(0, 100)),
    );
    assert.deepEqual(moving, [], path);
  }
});

test('buttons and links are big enough for a thumb', async t => {
  const page = await openPage(t, await newPerson(stack));
  const ticket = await listTicket(await newPerson(stack));
  await page.setViewportSize({ width: 320, height: 640 });

  await page.goto(`/tickets/${ticket.id}`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, summary, nav a')]
      .map(element => ({ text: element.textContent, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 1 && (box.height < 24 || box.width < 24))
      .map(({ text }) => text),
  );
  assert.deepEqual(small, []); // WCAG 2.2 AA, 2.5.8
});
