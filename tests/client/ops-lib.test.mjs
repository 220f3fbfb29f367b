/*
 * What the /ops page computes by itself: the verdict, the rates and the drawing of an order's path.
 * Plain functions, so no system is started for them.
 */
import assert from 'node:assert/strict';

import { tsImport } from '../../client/node_modules/tsx/dist/esm/api/index.mjs';
import { test } from './harness.mjs';

const lib = name => tsImport(`../../client/lib/ops/${name}.ts`, import.meta.url);
const { headline, needs } = await lib('verdict');
const { BARS, bars, perSecond, remember } = await lib('rates');
const { moments } = await lib('moments');
const { layOut } = await lib('sequence');
const { duration, orderOf } = await lib('words');

const AT = Date.parse('2026-11-21T09:00:00.000Z');
const iso = ms => new Date(AT + ms).toISOString();

const overview = (changes = {}) => ({
  at: iso(0),
  services: ['auth', 'orders'].map(service => ({
    service,
    instance: '1',
    state: 'ready',
    problems: [],
  })),
  stores: [{ store: 'MongoDB', ok: true, ms: 1, detail: null }],
  streams: [],
  consumers: [],
  outboxes: [],
  deadLetters: [{ service: 'orders', count: 0 }],
  holds: { created: 0, awaitingPayment: 0, overdue: 0, nextExpiresAt: null },
  timers: { waiting: 0, leased: 0 },
  audit: { running: false, found: 0, findings: [], problem: null },
  away: {},
  ...changes,
});
const titles = (now, before = null) => needs(now, before).map(need => need.title);

test('nothing wrong is said to be well', async () => {
  assert.equal(headline(needs(overview(), null)), 'All is well');
});

test('a store that is away is told once, with the services that lack it', async () => {
  const now = overview({
    services: [
      { service: 'auth', instance: '1', state: 'not ready', problems: ['MongoDB is away'] },
      { service: 'orders', instance: null, state: 'away', problems: ['No process answers'] },
    ],
    stores: [{ store: 'MongoDB', ok: false, ms: null, detail: 'MongoDB is away' }],
    holds: null,
    away: { holds: 'MongoDB is away' },
  });

  assert.deepEqual(titles(now), ['MongoDB is away', 'orders is away']);
  assert.equal(needs(now, null)[0].detail, 'needed by auth');
});

test('a part that cannot be read for a reason of its own is told', async () => {
  assert.deepEqual(titles(overview({ timers: null, away: { timers: 'It took too long' } })), [
    'It took too long',
  ]);
});

test('what passes by itself needs somebody only when it is there twice', async () => {
  const late = overview({ holds: { created: 1, awaitingPayment: 0, overdue: 1 } });

  assert.deepEqual(titles(late), []);
  assert.deepEqual(titles(late, overview()), []);
  assert.deepEqual(titles(late, late), ['Holds are overdue']);
});

test('what does not work comes before what should be looked at', async () => {
  const now = overview({
    deadLetters: [{ service: 'orders', count: 2 }],
    audit: { running: false, found: 1, findings: [], problem: null },
  });

  assert.deepEqual(titles(now), ['The last audit found broken promises', 'There are dead letters']);
});

test('rates come from the difference of sequences, and a stream made anew counts as none', async () => {
  const seen = (ms, lastSequence) =>
    overview({ at: iso(ms), streams: [{ name: 'orders', lastSequence }] });
  const first = remember([], seen(0, 100));
  const samples = remember(remember(first, seen(2000, 104)), seen(6000, 112));

  assert.equal(perSecond(first, 'orders'), null);
  assert.equal(perSecond(samples, 'orders'), 2);
  assert.deepEqual(bars(samples, 'orders').slice(-3), [null, 4, 8]);
  assert.equal(bars(samples, 'orders').length, BARS);
  assert.equal(remember(samples, seen(6000, 200)), samples, 'the same overview again');
  assert.equal(bars(remember(samples, seen(10_000, 1)), 'orders').at(-1), 0);
  assert.equal(remember(samples, seen(3_600_000, 500)).length, 1, 'old samples are forgotten');
});

const ORDER = 'a'.repeat(24);
const step = (ms, from, type, note, aggregateId = ORDER) => ({
  at: iso(ms),
  from,
  to: from === 'orders' ? ['tickets', 'payments'] : ['orders'],
  type,
  meaning: 'something happened',
  aggregateId,
  version: 0,
  eventId: `${type} ${ms}`,
  sequence: ms,
  note,
});

test('the buyer’s deeds are told before what they caused', async () => {
  const list = moments({
    order: { history: [] },
    steps: [
      step(0, 'orders', 'order.created', 'created: ordered'),
      step(10, 'payments', 'payment.started', 'started', 'p1'),
      step(20, 'payments', 'payment.started', 'requires_action', 'p1'),
      step(30, 'orders', 'order.cancelled', 'cancelled: buyer-cancelled'),
    ],
  });

  assert.deepEqual(
    list.filter(moment => moment.kind === 'request').map(moment => moment.label),
    ['orders', 'pays', 'cancels'],
  );
  assert.deepEqual(list.at(-1).status, 'cancelled');
});

test('without events an order’s history is its path', async () => {
  const list = moments({
    steps: null,
    order: { history: [{ status: 'cancelled', at: iso(0), cause: 'expired' }] },
  });

  assert.deepEqual(
    list.map(({ from, status, label }) => [from, status, label]),
    [['orders', 'cancelled', 'The hold ran out']],
  );
});

test('the drawing has a lane for each, arrows to every hearer and a gap for every pause', async () => {
  const steps = [
    step(0, 'orders', 'order.created', 'created: ordered'),
    step(48_000, 'orders', 'order.cancelled', 'cancelled: expired'),
  ];
  const drawing = layOut(moments({ order: null, steps }), ['orders', 'tickets', 'payments']);
  const [request, created, cancelled] = drawing.rows;

  assert.deepEqual(
    drawing.lanes.map(lane => lane.name),
    ['buyer', 'tickets', 'orders', 'payments'],
  );
  assert.deepEqual(
    created.arrows.map(arrow => arrow.x2),
    [drawing.lanes[1].x, drawing.lanes[3].x],
  );
  assert.deepEqual(
    drawing.gaps.map(gap => gap.text),
    ['48 s'],
  );
  assert.ok(request.y < created.y && created.y < drawing.gaps[0].y);
  assert.ok(drawing.gaps[0].y < cancelled.y && cancelled.y < drawing.height);
  assert.equal(drawing.stretches[0].y2, cancelled.y, 'a state lasts until the next');
});

test('durations are as exact as is useful', async () => {
  const told = [14, 1400, 9000, 48_200, 125_000, 12_000_000, 1_036_800_000].map(duration);

  assert.deepEqual(told, ['14 ms', '1.4 s', '9 s', '48 s', '2 min 5 s', '3 h 20 min', '12 d']);
});

test('a dead letter leads to its order where it tells of one', async () => {
  assert.equal(orderOf('order.created', ORDER, null), ORDER);
  assert.equal(orderOf('ticket.updated', 'b'.repeat(24), `{"orderId":"${ORDER}"}`), ORDER);
  assert.equal(orderOf('ticket.updated', 'b'.repeat(24), '{"id": oops'), null);
  assert.equal(orderOf('order.created', '', 'null'), null);
});
