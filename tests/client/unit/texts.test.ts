/*
 * The small functions between what is stored and what is read: times, titles, addresses, cookies.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  announcement,
  clockText,
  secondsLeft,
  shareLeft,
  urgency,
} from '../../../client/lib/countdown';
import { nextPath } from '../../../client/lib/next-path';
import { moreOf, readSearch, searchHref, searchPath, STEP } from '../../../client/lib/search';
import { isHalfSpent, readSession } from '../../../client/lib/session-cookie';
import { titleParts } from '../../../client/lib/title';

test('a countdown never says zero too early, and never less', () => {
  assert.equal(secondsLeft(10_000, 0), 10);
  assert.equal(secondsLeft(10_001, 10), 1);
  assert.equal(secondsLeft(10_000, 10), 0);
  assert.equal(secondsLeft(10_000, 999), 0);
});

test('time left is written as on a clock', () => {
  assert.equal(clockText(900), '15:00');
  assert.equal(clockText(61), '1:01');
  assert.equal(clockText(0), '0:00');
});

test('it is announced at five, two and one minutes and at the end, and is silent between', () => {
  const said: number[] = [];
  for (let left = 900; left > 0; left--)
    if (announcement(left - 1) !== announcement(left)) said.push(left - 1);
  assert.deepEqual(said, [300, 120, 60, 0]);
  assert.equal(announcement(900), '');
});

test('a share of the hold is between nothing and all of it', () => {
  assert.equal(shareLeft(450, 900_000), 0.5);
  assert.equal(shareLeft(901, 900_000), 1);
  assert.equal(shareLeft(10, 0), 0);
  assert.deepEqual([301, 300, 61, 60, 0].map(urgency), ['calm', 'soon', 'soon', 'last', 'last']);
});

test('a title is taken apart where its seller wrote it so, and is whole otherwise', () => {
  assert.deepEqual(titleParts('Opera, Old Theatre, 3 May: row 5, seat 2'), {
    name: 'Opera',
    where: 'Old Theatre, 3 May',
    seat: 'Row 5, seat 2',
  });
  assert.deepEqual(titleParts('Opera'), { name: 'Opera', where: '', seat: '' });
  assert.deepEqual(titleParts('Opera: row 5'), { name: 'Opera', where: '', seat: 'Row 5' });
  assert.equal(titleParts('Opera: élite').seat, 'Élite');
  assert.equal(titleParts('Opera: 5th row').seat, '5th row');
  assert.deepEqual(titleParts('Opera at 19:30'), { name: 'Opera at 19:30', where: '', seat: '' });
});

test('one is sent on to a path of ours, and to no other site', () => {
  for (const path of ['/', '/orders', '/tickets/1?a=b#c']) assert.equal(nextPath(path), path);
  for (const elsewhere of [
    undefined,
    ['/orders'],
    '',
    'orders',
    'https://elsewhere.example/',
    '//elsewhere.example',
    '/\\elsewhere.example',
    '/orders\\x',
    '/\t/elsewhere.example',
    '/auth/signout',
    '/api/users/signout',
  ])
    assert.equal(nextPath(elsewhere), '/', JSON.stringify(elsewhere));
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

function cookie(claims: object): string {
  return encode({ jwt: `head.${encode(claims)}.signature` });
}

function jar(session: string | undefined, ended?: string) {
  return new Map([
    ...(session === undefined ? [] : [['session', { value: session }] as const]),
    ...(ended === undefined ? [] : [['signed-out', { value: ended }] as const]),
  ]);
}

test('a session is read from its cookie, and from nothing else', () => {
  const claims = { id: '1', email: 'a@b.c', role: 'user', iat: 100, exp: 200 };
  assert.equal(readSession(jar(cookie(claims)), 150_000)?.email, 'a@b.c');
  assert.equal(readSession(jar(encodeURIComponent(cookie(claims))), 150_000)?.email, 'a@b.c');
  assert.equal(readSession(jar(cookie(claims)), 200_000), null);
  for (const nothing of [undefined, '', 'x', encode({}), encode({ jwt: 'x' }), '%'])
    assert.equal(readSession(jar(nothing), 0), null, nothing);
});

test('a session that was signed out in this browser is nobody’s, and only that one', () => {
  const claims = { id: '1', sid: 'a', email: 'a@b.c', role: 'user', iat: 100, exp: 200 };
  assert.equal(readSession(jar(cookie(claims), 'a'), 150_000), null);
  assert.equal(readSession(jar(cookie(claims), 'b'), 150_000)?.email, 'a@b.c');
  assert.equal(readSession(jar(cookie({ ...claims, sid: undefined }), ''), 150_000)?.id, '1');
});

test('a session is half spent after half of its life', () => {
  const user = { id: '1', email: '', role: 'user', iat: 100, exp: 200 } as const;
  assert.equal(isHalfSpent(user, 149_000), false);
  assert.equal(isHalfSpent(user, 151_000), true);
});

test('an address says what is searched for, and makes sense of whatever it says', () => {
  const usual = { q: '', sort: 'newest', after: '', show: STEP };
  assert.deepEqual(readSearch({}), usual);
  assert.deepEqual(readSearch({ sort: 'sideways', show: '-7', q: ['  a ', 'b'] }), {
    ...usual,
    q: 'a',
  });
  assert.equal(readSearch({ show: '999999' }).show, 4 * STEP);
  assert.equal(searchHref(readSearch({})), '/');
  const search = readSearch({ q: 'a&b', sort: 'price', show: '48' });
  assert.equal(searchHref(search), '/?q=a%26b&sort=price&show=48');
  assert.equal(searchPath(search), '/api/tickets?limit=48&sort=price&q=a%26b');
});

test('a list grows up to what the API gives at once, and goes on at another page', () => {
  const first = moreOf(readSearch({ q: 'a' }), 'cursor');
  assert.deepEqual([first.grows, first.search.show, first.search.after], [true, 2 * STEP, '']);
  const last = moreOf(readSearch({ q: 'a', show: '96' }), 'cursor');
  assert.deepEqual([last.grows, last.search.show, last.search.after], [false, STEP, 'cursor']);
});
