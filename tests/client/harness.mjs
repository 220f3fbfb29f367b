/*
 * What the browser tests speak with: a whole system of their own, people in it, pages that fail the
 * test when anything goes wrong in them.
 *
 * The system is that of the C stories (tests/stack): all services under ASan, stores, the local
 * Stripe, the edge, and the web client as `make client` built it. It lives as long as the pipe to
 * it: whatever ends this process ends all of it. One system and one browser serve a file's tests;
 * each person has a browser context of their own.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, test as nodeTest } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import axe from '../../client/node_modules/axe-core/axe.js';
import { chromium } from '../../client/node_modules/playwright-core/index.mjs';

/** @typedef {import('../../client/node_modules/playwright-core').Page} Page */
/** @typedef {import('../../client/node_modules/playwright-core').BrowserContext} Context */
/** @typedef {import('../../client/node_modules/playwright-core').BrowserContextOptions} Options */
/** @typedef {{ url: string, context: Context, id: string, email: string, password: string }} Person */
/** @typedef {Awaited<ReturnType<typeof startStack>>} Stack */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = `build/${process.env.FLAVOUR || 'asan'}/bin/test-stack`;
const ANSWER_MS = 60_000; // all of a system, under a sanitizer, on a busy machine
const WAIT_MS = 30_000; // as Playwright's own waits
const TEST_MS = 110_000; // tests/run gives a test 120 s
const PASSWORD = 'a long password';
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const CHROMIUM_FLAGS = [
  '--no-sandbox', // it would need privileges that containers have not
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A test: at the start of a line, its name a literal sentence, no tests within it. tests/run reads
 * the names from the file.
 * @param {string} name
 * @param {(t: import('node:test').TestContext) => Promise<void>} body
 */
export function test(name, body) {
  nodeTest(name, { timeout: TEST_MS }, body);
}

/** What `promise` gives; fails with `what` when it takes too long. */
async function within(ms, what, promise) {
  const timer = new AbortController();
  const late = pause(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not within ${ms} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}

/**
 * Wait until `condition` gives something true, and give it.
 * @template T
 * @param {() => T | Promise<T>} condition
 */
export async function eventually(condition, what, ms = WAIT_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`not within ${ms} ms: ${what}`);
    await pause(50);
  }
}

/**
 * Start a system and a browser; both end with this file. `env`: settings of all services
 * (['LOCK_SECONDS=20']). `tell` gives it an order (tests/stack/main.c has the list) and waits until
 * it is done.
 * @param {{ env?: string[] }} [settings]
 */
export async function startStack({ env = [] } = {}) {
  const system = spawn(PROGRAM, env, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: system.stdout })[Symbol.asyncIterator]();
  const exitCode = new Promise(resolve => system.once('exit', resolve));
  system.stdin.on('error', () => {}); // it is gone, as the answer that does not come will say
  const answer = async what => {
    const line = await within(ANSWER_MS, what, lines.next());
    if (line.done) assert.fail(`${PROGRAM} ended with ${await exitCode}, asked to ${what}`);
    return JSON.parse(line.value);
  };

  const where = await answer('start');
  const browser = await chromium.launch({
    executablePath: process.env.TEST_CHROMIUM || '/usr/bin/chromium',
    args: CHROMIUM_FLAGS,
  });
  after(async () => {
    await browser.close();
    system.stdin.end();
    assert.equal(await within(ANSWER_MS, 'the system ends', exitCode), 0);
  });
  return {
    /** @type {string} */ url: where.url,
    /** @type {Record<string, number>} */ ports: where.ports,
    /** @type {{ email: string, password: string }} */ admin: where.admin,
    /** @type {string} */ jwtKey: where.jwtKey,
    browser,
    /** @param {string} order */
    async tell(order) {
      system.stdin.write(`${order}\n`);
      await answer(order);
    },
  };
}

/**
 * @param {Stack} stack
 * @param {Options} [options]
 */
function newContext(stack, options) {
  return stack.browser.newContext({ baseURL: stack.url, locale: 'en-US', ...options });
}

/**
 * Ask the API as this person: with the cookies of their browser, which take what is set.
 * @param {{ url: string, context: Context }} person
 * @param {unknown} [body]
 */
export async function api(person, method, path, body) {
  const response = await person.context.request.fetch(person.url + path, { method, data: body });
  const text = await response.text();
  const json = response.headers()['content-type']?.includes('json');
  return {
    status: response.status(),
    headers: response.headers(),
    body: json ? JSON.parse(text) : text,
  };
}

/** @returns {Promise<Person>} */
async function enter(stack, path, status, email, password, options) {
  const context = await newContext(stack, options);
  const answer = await api({ url: stack.url, context }, 'POST', path, { email, password });
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  return { url: stack.url, context, id: answer.body.id, email, password };
}

let people = 0;

/**
 * Somebody new, signed up by the API. `options` are their browser's: viewport, colorScheme….
 * @param {Stack} stack
 * @param {Options} [options]
 */
export function newPerson(stack, options) {
  people += 1;
  const email = `person${people}@example.com`;
  return enter(stack, '/api/users/signup', 201, email, PASSWORD, options);
}

/**
 * The admin, signed in.
 * @param {Stack} stack
 * @param {Options} [options]
 */
export function admin(stack, options) {
  const { email, password } = stack.admin;
  return enter(stack, '/api/users/signin', 200, email, password, options);
}

/**
 * List a ticket; the Ticket as the API answers it.
 * @param {Person} seller
 */
export async function listTicket(seller, { title = 'Opera, row 5', price = 42.5 } = {}) {
  const answer = await api(seller, 'POST', '/api/tickets', { title, price });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

/**
 * Order it, asking again while orders has not heard of it; the Order.
 * @param {Person} buyer
 */
export async function orderTicket(buyer, ticketId) {
  const answer = await eventually(async () => {
    const attempt = await api(buyer, 'POST', '/api/orders', { ticketId });
    return attempt.status !== 404 && attempt;
  }, 'orders has heard of the ticket');
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

/**
 * A page that is there is drawn, and a moment later its script hears clicks too; on a busy machine
 * that moment is long enough to click into. So going to a page of ours waits for both.
 * @param {Page} page
 */
function waitUntilHeard(page) {
  for (const way of /** @type {const} */ (['goto', 'reload'])) {
    const go = page[way].bind(page);
    page[way] = async (/** @type {any[]} */ ...given) => {
      const response = await go(...given);
      const html = response?.headers()['content-type']?.startsWith('text/html');
      if (html && response.status() < 500 && response.headers()['content-security-policy'])
        await page.waitForFunction(
          () => Object.keys(document).some(key => key.startsWith('__reactContainer$')),
          undefined,
          { polling: 50 }, // not once a frame: a page that does not change may have none
        );
      return response;
    };
  }
}

/**
 * A page of `who`: a person, or a stack, for nobody. At the end of test `t` it is closed, and fails
 * the test for each error and warning of its console (violations of the CSP among them), each
 * exception that nobody caught, and each answer from 500 on, unless one of `expected` matches what
 * is said of it. A request that is refused is in the console too: /status of 400/.
 * @param {import('node:test').TestContext} t
 * @param {Person | Stack} who
 * @param {Options & { expected?: RegExp[] }} [options] with a person, only `expected`
 * @returns {Promise<Page & { expected: RegExp[] }>}
 */
export async function openPage(t, who, { expected = [], ...options } = {}) {
  const own = 'browser' in who ? await newContext(who, options) : null;
  const page = await (own ?? /** @type {Person} */ (who).context).newPage();
  if (options.javaScriptEnabled !== false) waitUntilHeard(page);
  const said = [];
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type()))
      said.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', error => said.push(`exception: ${error.stack}`));
  page.on('response', response => {
    if (response.status() >= 500) said.push(`answer: ${response.status()} ${response.url()}`);
  });
  t.after(async () => {
    await (own ?? page).close();
    const problems = said.filter(line => !expected.some(pattern => pattern.test(line)));
    assert.deepEqual(problems, []);
  });
  return Object.assign(page, { expected });
}

/**
 * Has the page, as it stands, no barrier that axe-core knows? `except`: rules that are broken on
 * purpose.
 * @param {Page} page
 */
export async function expectNoAxeViolations(page, { except = [] } = {}) {
  await page.evaluate(axe.source); // not as a script of the page: its CSP would refuse that
  const violations = await page.evaluate(
    async tags =>
      (await globalThis.axe.run({ runOnly: tags })).violations.map(({ id, help, nodes }) => ({
        id,
        text: `${id}: ${help}: ${nodes.map(node => node.html).join(' ')}`,
      })),
    AXE_TAGS,
  );
  const unmeant = violations.filter(({ id }) => !except.includes(id)).map(({ text }) => text);
  assert.deepEqual(unmeant, []);
}

/**
 * The whole page into build/screenshots/, to be looked at by people.
 * @param {Page} page
 */
export async function screenshot(page, name) {
  mkdirSync(`${ROOT}/build/screenshots`, { recursive: true });
  await page.screenshot({ path: `${ROOT}/build/screenshots/${name}.png`, fullPage: true });
}
