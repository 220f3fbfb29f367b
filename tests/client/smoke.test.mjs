/*
 * The client is there: behind the edge, without a complaint in the console, and missed politely.
 */
import assert from 'node:assert/strict';

import { expectNoAxeViolations, openPage, startStack, test } from './harness.mjs';

const stack = await startStack();

test('the home page has one heading and no complaints', async t => {
  const page = await openPage(t, stack);
  const response = await page.goto('/');

  assert.equal(response.status(), 200);
  assert.equal(await page.locator('h1').count(), 1);
  await expectNoAxeViolations(page);
});

test('the edge compresses pages and leaves alone what is cached for ever', async () => {
  const page = await fetch(`${stack.url}/`);
  const style = (await page.text()).match(/\/_next\/static\/[^"]*\.css/)[0];
  const asset = await fetch(stack.url + style);

  assert.equal(page.headers.get('content-encoding'), 'gzip');
  assert.match(page.headers.get('cache-control'), /no-store/);
  assert.match(asset.headers.get('cache-control'), /immutable/);
});

test('while the client is away a page says so, and goes on by itself', async t => {
  const page = await openPage(t, stack, { expected: [/\b503\b/] });

  await stack.tell('kill client');
  const response = await page.goto('/auth/signin');
  assert.equal(response.status(), 503);
  assert(Number(response.headers()['retry-after']) > 0);
  assert.equal(response.headers()['cache-control'], 'no-store');
  assert.equal(await page.locator('h1').textContent(), 'Back in a moment');
  const still = await openPage(t, stack); // the other one may load itself again at any moment
  await still.setContent((await response.text()).replace(/<meta http-equiv="refresh"[^>]*>/, ''));
  await expectNoAxeViolations(still);
  assert.equal((await fetch(`${stack.url}/api/tickets`)).status, 200); // the API is not

  await stack.tell('start client');
  await page.locator('form').waitFor(); // it has loaded itself again
});
