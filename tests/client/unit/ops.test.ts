/*
 * What the operator's page makes of what it is told: rates, the verdict, an order's path.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { moments } from '../../../client/lib/ops/moments';
import { bars, BARS, perSecond, remember, type Sample } from '../../../client/lib/ops/rates';
import { layOut } from '../../../client/lib/ops/sequence';
import type { OrderPath, Overview, PathStep } from '../../../client/lib/ops/types';
import { headline, needs } from '../../../client/lib/ops/verdict';
import { ago, asId, duration, orderOf, rate, readable } from '../../../client/lib/ops/words';

const AT = '2026-01-01T00:00:00.000Z';
const SERVICES = ['auth', 'tickets', 'orders', 'expiration', 'payments'];

function overview(changes: Partial<Overview> = {}): Overview {
  return {
    at: AT,
    services: SERVICES.map((service, i) => ({
      service,
      instance: '1',
      state: 'ready',
      version: '1',
      pid: i + 1,
      upSeconds: 9,
      problems: [],
      outboxWaiting: 0,
      hears: [],
      says: [],
    })),
    stores: [{ store: 'NATS', ok: true, ms: 1, detail: null }],
    streams: [],
    consumers: [],
    outboxes: [],
    deadLetters: [],
    holds: { created: 0, awaitingPayment: 0, overdue: 0, nextExpiresAt: null },
    timers: { waiting: 0, leased: 0 },
    audit: {
      running: false,
      at: null,
      tookMs: null,
      stripe: null,
      checked: null,
      found: null,
      findings: [],
      problem: null,
    },
    away: {},
    ...changes,
  };
}

test('durations are as exact as is useful', () => {
  const texts = [0, 14, 1400, 48_000, 125_000, 12_000_000, 12 * 86_400_000].map(duration);
  assert.deepEqual(texts, ['0 ms', '14 ms', '1.4 s', '48 s', '2 min 5 s', '3 h 20 min', '12 d']);
  assert.deepEqual([0, 0.05, 2.34, 40].map(rate), ['quiet', '3/min', '2.3/s', '40/s']);
});

test('what was a moment ago is not told in figures', () => {
  assert.equal(ago(AT, '2026-01-01T00:00:00.999Z'), 'just now');
  assert.equal(ago('2026-01-01T00:00:00.500Z', AT), 'just now'); // by another process’s clock
  assert.equal(ago(AT, '2026-01-01T00:02:05.000Z'), '2 min ago');
});

test('an id is taken as it is pasted, and nothing else is one', () => {
  const id = 'a1'.repeat(12);
  assert.equal(asId(`  ${id.toUpperCase()}\n`), id);
  for (const nothing of [undefined, 7, '', 'a1', `${id}0`, `${id.slice(1)}g`])
    assert.equal(asId(nothing), null);
  assert.equal(orderOf('order.created', id, null), id);
  assert.equal(orderOf('payment.created', 'x', JSON.stringify({ orderId: id })), id);
  assert.equal(orderOf('payment.created', 'x', 'no JSON'), null);
  assert.equal(readable('{"a":1}'), '{\n  "a": 1\n}');
  assert.equal(readable('no JSON'), 'no JSON');
});

function samples(...lasts: [at: number, last: number][]): Sample[] {
  return lasts.map(([at, last]) => ({ at, last: { orders: last } }));
}

test('a rate is the difference of two looks, and none is known from one', () => {
  assert.equal(perSecond(samples([0, 5]), 'orders'), null);
  assert.equal(perSecond(samples([0, 5], [2000, 15]), 'orders'), 5);
  assert.equal(perSecond(samples([0, 500], [2000, 3]), 'orders'), 0); // a stream made anew
});

test('bars have what was said in their time, and nothing before anybody looked', () => {
  const drawn = bars(samples([1000, 1], [3000, 4], [6000, 10]), 'orders');
  assert.equal(drawn.length, BARS);
  assert.deepEqual(drawn.slice(-3), [null, 3, 6]);
});

test('an old overview adds no sample', () => {
  const streams: Overview['streams'] = [];
  const first = remember([], overview({ streams }));
  assert.equal(first.length, 1);
  assert.equal(remember(first, overview({ streams })), first);
  assert.equal(remember(first, overview({ streams: null })), first);
});

test('all is well where nothing is wrong', () => {
  assert.deepEqual(needs(overview(), null), []);
  assert.equal(headline([]), 'All is well');
});

test('what does not work comes before what should be looked at', () => {
  const sick = overview({
    deadLetters: [{ service: 'orders', count: 2 }],
    services: overview().services!.map(row =>
      row.service === 'payments'
        ? { ...row, state: 'away', problems: ['No process answers'] }
        : row,
    ),
  });
  const list = needs(sick, null);
  assert.deepEqual(
    list.map(({ title }) => title),
    ['payments is away', 'There are dead letters'],
  );
  assert.equal(headline(list), '2 things need you');
});

test('a store that is away is told once, not again by each service that needs it', () => {
  const problem = 'NATS is away';
  const list = needs(
    overview({
      stores: [{ store: 'NATS', ok: false, ms: null, detail: problem }],
      services: overview().services!.map(row => ({
        ...row,
        state: 'not ready' as const,
        problems: [problem],
      })),
      streams: null,
      away: { streams: problem },
    }),
    null,
  );
  assert.deepEqual(
    list.map(({ title }) => title),
    [problem],
  );
  assert.match(list[0]!.detail, /orders/);
});

test('a part that cannot be read for a reason of its own is told', () => {
  const [need, ...others] = needs(overview({ holds: null, away: { holds: 'Too slow' } }), null);
  assert.deepEqual([need?.title, need?.panel, others.length], ['Too slow', 'holds', 0]);
});

test('what passes by itself counts only when it was there at the last look', () => {
  const behind = overview({
    consumers: [
      {
        durable: 'd',
        service: 'orders',
        stream: 'tickets',
        pending: 99,
        ackPending: 0,
        redelivered: 0,
        bound: true,
      },
    ],
  });
  assert.deepEqual(needs(behind, overview()), []);
  assert.equal(needs(behind, behind)[0]?.title, 'orders is behind on tickets');
});

function step(at: string, from: string, to: string[], type: string, note: string): PathStep {
  const common = { aggregateId: type.split('.')[0]!, version: 0, sequence: 1, meaning: type };
  return { ...common, at, from, to, type, note, eventId: `${type} ${at}` };
}

const path: OrderPath = {
  at: AT,
  order: {
    id: 'o',
    status: 'complete',
    userId: 'u',
    ticketId: 't',
    ticketTitle: 'T',
    price: 1,
    version: 2,
    createdAt: AT,
    expiresAt: AT,
    history: [
      { status: 'created', at: AT, cause: 'ordered' },
      { status: 'complete', at: AT, cause: 'payment-authorized' },
    ],
  },
  participants: ['tickets', 'orders', 'payments'],
  steps: [
    step('2026-01-01T00:00:00.000Z', 'orders', ['tickets', 'payments'], 'order.created', 'created'),
    step('2026-01-01T00:00:00.010Z', 'tickets', ['orders'], 'ticket.updated', 'reserved'),
    step('2026-01-01T00:00:07.000Z', 'payments', ['orders'], 'payment.started', 'started'),
    step('2026-01-01T00:00:07.100Z', 'orders', ['tickets'], 'order.completed', 'complete'),
  ],
  complete: true,
  away: {},
};

test('a path tells what the buyer did before what the services said of it', () => {
  assert.deepEqual(
    moments(path).map(({ kind, label }) => `${kind} ${label}`),
    [
      'request orders',
      'event order.created',
      'event ticket.updated',
      'request pays',
      'event payment.started',
      'event order.completed',
    ],
  );
});

test('without events a path is the order’s own history', () => {
  const list = moments({ ...path, steps: null, away: { steps: 'NATS is away' } });
  assert.deepEqual(
    list.map(({ kind, status }) => [kind, status]),
    [
      ['state', 'created'],
      ['state', 'complete'],
    ],
  );
});

test('a drawing has a lane for whoever takes part, time downwards, and gaps where it stood still', () => {
  const drawing = layOut(moments(path), path.participants!);
  assert.deepEqual(
    drawing.lanes.map(({ name }) => name),
    ['buyer', 'tickets', 'orders', 'payments'],
  );
  const ys = drawing.rows.map(({ y }) => y);
  assert.deepEqual(
    ys,
    [...new Set(ys)].toSorted((a, b) => a - b),
  );
  assert.equal(drawing.gaps.length, 1);
  assert(drawing.rows.at(-1)!.y < drawing.height);
  assert.equal(drawing.rows[1]!.arrows.length, 2); // one to each hearer
  for (const { arrows } of drawing.rows)
    for (const { x1, x2 } of arrows) assert(Math.max(x1, x2) <= drawing.width);
});
