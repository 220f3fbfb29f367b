/*
 * What people do on the pages, told once: by the labels and names that they see or hear. And what
 * a test looks up behind their backs.
 */
import assert from 'node:assert/strict';

import { api, eventually } from './harness.mjs';

/** @typedef {import('../../client/node_modules/playwright-core').Page} Page */
/** @typedef {import('../../client/node_modules/playwright-core').Locator} Locator */
/** @typedef {import('./harness.mjs').Person} Person */
/** @typedef {import('./harness.mjs').Stack} Stack */

/** Cards of the local Stripe, as of Stripe's test mode. */
export const CARDS = {
  good: '4242424242424242',
  declined: '4000000000000341',
  asksTheBank: '4000000000003220',
};

/**
 * Wait until the page is about this.
 * @param {Page} page
 * @param {string | RegExp} name
 */
export function heading(page, name) {
  return page.getByRole('heading', { level: 1, name }).waitFor();
}

/**
 * Enter a card into Stripe's element.
 * @param {Page} page
 */
export async function enterCard(page, number = CARDS.good) {
  await page.getByLabel('Card number').fill(number);
  await page.getByLabel('Expiry month').fill('12');
  await page.getByLabel('Expiry year').fill('34');
  await page.getByLabel('Security code').fill('123');
}

/**
 * The button that pays.
 * @param {Page} page
 */
export function payButton(page) {
  return page.getByRole('button', { name: /^Pay(ing)? / });
}

/**
 * On an order's page: enter a card, and pay by it.
 * @param {Page} page
 */
export async function pay(page, number = CARDS.good) {
  await enterCard(page, number);
  await payButton(page).click();
}

/**
 * On a ticket's page: buy it, and give the id of the order whose page one then is on.
 * @param {Page} page
 */
export async function buy(page) {
  await page.getByRole('button', { name: /^Buy for / }).click();
  await page.waitForURL('**/orders/*');
  await heading(page, 'Almost yours');
  return page.url().split('/').at(-1);
}

/**
 * Sign in on the page of that name, and go on to wherever it leads.
 * @param {Page} page
 * @param {{ email: string, password: string }} who
 */
export async function signIn(page, who) {
  await page.getByLabel('Email').fill(who.email);
  await page.getByLabel('Password').fill(who.password);
  await page.getByRole('button', { name: /^Sign (in|up)$/ }).click();
}

/**
 * The page hears nothing live: its streams stay without an answer, so that it is not polling either.
 * @param {Page} page
 */
export function deafen(page) {
  return page.route('**/events*', () => {});
}

/**
 * What Stripe knows of the payments for an order: a status for each, oldest first.
 * @param {Stack} stack
 * @returns {Promise<{ status: string, amount: number }[]>}
 */
export async function charges(stack, orderId) {
  const response = await fetch(`${stack.url}/stripe/v1/payment_intents?limit=100000`, {
    headers: { authorization: 'Bearer sk_test_ledger' },
  });
  assert.equal(response.status, 200);
  const { data } = await response.json();
  return data.filter(intent => intent.metadata.orderId === orderId);
}

/**
 * Stripe has taken `amount` (in cents) for the order once, and nothing else for it.
 * @param {Stack} stack
 */
export async function expectPaidOnce(stack, orderId, amount) {
  await eventually(
    async () => (await charges(stack, orderId)).some(({ status }) => status === 'succeeded'),
    'the payment is captured',
  );
  const taken = (await charges(stack, orderId)).filter(({ status }) =>
    ['succeeded', 'requires_capture'].includes(status),
  );
  assert.deepEqual(
    taken.map(intent => intent.amount),
    [amount],
  );
}

/**
 * Wait until the API says that the order stands so; gives it.
 * @param {Person} buyer
 */
export function orderIs(buyer, id, status) {
  return eventually(async () => {
    const { body } = await api(buyer, 'GET', `/api/orders/${id}`);
    return body.status === status && body;
  }, `order ${id} is ${status}`);
}

/**
 * Wait until the ticket, as everybody sees it, stands so; gives it.
 * @param {Person} anybody
 */
export function ticketIs(anybody, id, status) {
  return eventually(async () => {
    const { body } = await api(anybody, 'GET', `/api/tickets/${id}`);
    return body.status === status && body;
  }, `ticket ${id} is ${status}`);
}

/**
 * What is read out with a field beside its label: its hint and what is wrong with it.
 * @param {Locator} field
 */
export function describedAs(field) {
  return field.evaluate(element =>
    (element.getAttribute('aria-describedby') ?? '')
      .split(' ')
      .map(id => document.getElementById(id)?.textContent ?? '')
      .join(' '),
  );
}
