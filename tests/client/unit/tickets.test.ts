/*
 * Tickets without a browser: which of what is heard of one counts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { latestOf, withNews, type HeardById } from '../../../client/lib/heard';
import type { Ticket } from '../../../client/lib/types';

const base: Ticket = {
  id: 't',
  title: 'Hamlet',
  price: 20,
  userId: 'u',
  version: 0,
  status: 'available',
};

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
