/*
 * Tickets without a browser: what is saved once although it was sent twice, and which of what is
 * heard of a ticket counts. The API is a function here, asked in place of fetch.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { latestOf, withNews, type HeardById } from '../../../client/lib/heard';
import { keyOf } from '../../../client/lib/idempotency-key';
import { placeOrder } from '../../../client/lib/place-order';
import { editTicket, listTicket } from '../../../client/lib/save-ticket';
import type { Ticket } from '../../../client/lib/types';

const base: Ticket = {
  id: 't',
  title: 'Hamlet',
  price: 20,
  userId: 'u',
  version: 0,
  status: 'available',
};
const written = { title: ' Hamlet: row 2 ', price: '25.50' };
const saved: Ticket = { ...base, title: 'Hamlet: row 2', price: 25.5, version: 1 };

const answer = (status: number, body: unknown) => Response.json(body, { status });
const refuses = (status: number, message: string) => answer(status, { errors: [{ message }] });

/* The API gives these answers, one after the other and the last again; null: it is lost. */
function apiAnswers(t: TestContext, ...answers: (() => Response | null)[]): Request[] {
  const asked: Request[] = [];
  t.mock.method(globalThis, 'fetch', (path: string, options: RequestInit) => {
    asked.push(new Request(new URL(path, 'http://test'), options));
    const next = answers[Math.min(asked.length, answers.length) - 1]?.();
    return next ? Promise.resolve(next) : Promise.reject(new TypeError('network error'));
  });
  return asked;
}

const said = (requests: Request[]) =>
  requests.map(({ method, url }) => method + new URL(url).pathname);

test('what is sent again as it was has the key that it had, and what was changed another', () => {
  const keys = new Map<string, string>();
  const first = keyOf(keys, { title: 'A', price: '1' });
  assert.match(first, /^[0-9a-f]{32}$/);
  const second = keyOf(keys, { title: 'A', price: '2' });
  assert.notEqual(second, first);
  assert.equal(keyOf(keys, { title: 'A', price: '1' }), first);
  assert.notEqual(keyOf(new Map(), { title: 'A', price: '1' }), first); // another form
});

test('a listing names what was written by its key, and a lost answer is no ticket', async t => {
  const asked = apiAnswers(
    t,
    () => null,
    () => answer(201, saved),
  );
  const lost = await listTicket(written, 'k');
  assert(lost.kind === 'refused' && /connection was lost/.test(lost.errors[0]?.message ?? ''));
  assert.deepEqual(await listTicket(written, 'k'), { kind: 'saved', id: 't' });
  assert.deepEqual(
    asked.map(({ headers }) => headers.get('idempotency-key')),
    ['k', 'k'],
  );
});

test('a listing whose first click still runs is asked about again', async t => {
  const asked = apiAnswers(
    t,
    () => refuses(409, 'A request with this Idempotency-Key is still running'),
    () => answer(201, saved),
  );
  assert.deepEqual(await listTicket(written, 'k'), { kind: 'saved', id: 't' });
  assert.equal(asked.length, 2);
});

test('a change is saved over the version that was seen, and nothing is asked beside', async t => {
  const asked = apiAnswers(t, () => answer(200, saved));
  assert.deepEqual(await editTicket(base, written), { kind: 'saved', id: 't' });
  assert.deepEqual(said(asked), ['PUT/api/tickets/t']);
  assert.equal(asked[0]?.headers.get('if-match'), '"0"');
});

test('a change that is refused because it is there already is saved', async t => {
  for (const now of [saved, { ...saved, version: 2, status: 'reserved' }]) {
    const asked = apiAnswers(
      t,
      () => refuses(412, 'Version changed'),
      () => answer(200, now),
    );
    assert.deepEqual(await editTicket(base, written), { kind: 'saved', id: 't' });
    assert.deepEqual(said(asked), ['PUT/api/tickets/t', 'GET/api/tickets/t']);
  }
});

test('a change under which there is another is not saved, whatever differs', async t => {
  for (const now of [
    { ...saved, price: 25 },
    { ...saved, title: 'Hamlet' },
    { ...base, version: 1, status: 'withdrawn' },
  ]) {
    apiAnswers(
      t,
      () => refuses(412, 'Version changed'),
      () => answer(200, now),
    );
    assert.deepEqual(await editTicket(base, written), { kind: 'changed', now });
  }
});

test('a change of which nobody can say whether it is there is not called saved', async t => {
  for (const second of [() => null, () => refuses(503, 'Try again later')]) {
    apiAnswers(t, () => refuses(412, 'Version changed'), second);
    assert.equal((await editTicket(base, written)).kind, 'refused');
  }
});

test('an order of a ticket that orders does not know is tried for a while, by one key', async t => {
  let now = 0;
  t.mock.method(Date, 'now', () => (now += 700));
  const asked = apiAnswers(t, () => refuses(404, 'Not Found'));
  assert.deepEqual(await placeOrder('t', 20, 'k'), { kind: 'unheard-of' });
  assert(asked.length > 1 && asked.every(({ headers }) => headers.get('idempotency-key') === 'k'));
});

test('of a ticket the newest version counts, in whatever order its versions are heard', () => {
  const drawn = base;
  const versions: Ticket[] = [
    { ...drawn, version: 1, status: 'reserved' },
    { ...drawn, version: 2 },
    { ...drawn, version: 3, price: 30 },
  ];
  for (const order of [
    [0, 1, 2],
    [1, 0, 2],
    [2, 1, 0],
    [2, 0, 1],
    [0, 2, 2, 1],
  ]) {
    let heard: HeardById = new Map();
    for (const i of order) heard = withNews(heard, drawn, versions[i] ?? drawn);
    assert.equal(latestOf(heard, drawn).ticket.version, 3, order.join());
    assert.equal(withNews(heard, drawn, drawn), heard);
  }
});

test('a ticket that was seen taken is remembered so, until the page is drawn anew', () => {
  const taken = withNews(new Map(), base, { ...base, version: 1, status: 'reserved' });
  const free = withNews(taken, base, { ...base, version: 2 });
  assert.deepEqual(latestOf(free, base), { ticket: { ...base, version: 2 }, taken: true });
  assert.equal(latestOf(free, { ...base, version: 2 }).taken, false);
});
