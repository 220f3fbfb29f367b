/*
 * Every page and state as people see it: wide, narrow (320 px) and in the dark. axe-core finds no
 * barrier, nothing is wider than the screen, and a picture of each is in build/screenshots/ for who
 * judges what no test can.
 */
import assert from 'node:assert/strict';

import { expectNoAxeViolations, listTicket, newPerson, screenshot } from './harness.mjs';

/** @typedef {import('../../client/node_modules/playwright-core').Page} Page */
/** @typedef {import('./harness.mjs').Stack} Stack */

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 640 };
const ZOOMED = { width: 640, height: 400 }; // what 200 % leave of WIDE

/** @type {[string, { width: number, height: number }, 'light' | 'dark'][]} */
const LOOKS = [
  ['wide', WIDE, 'light'],
  ['dark', WIDE, 'dark'],
  ['narrow', NARROW, 'light'],
];

/** @type {[string, number][]} */
const TITLES = [
  ['The Paper Lanterns, Tivoli Hall, Copenhagen, 12 March: stalls, row C, seat 14', 64],
  ['Harbour Lights Festival, Pier 7, Gothenburg, 3–5 July: three days, standing', 189],
  ['Open Courts Final, Centre Court, 9 June: block 12, row 4, seat 31', 240.5],
  ['Swan Lake, Royal Opera House, 21 December: balcony, row A, seats 3 and 4', 155],
  ['Nightjar Quartet, Blue Hall, 3 May: row 2, seat 9', 28],
  ['An Evening of Extraordinarilyunbreakablycompoundedwords and Other Long Titles', 999999.99],
];

/**
 * Tickets of all kinds of titles and prices, and who sells them.
 * @param {Stack} stack
 */
export async function market(stack) {
  const seller = await newPerson(stack);
  const tickets = [];
  for (const [title, price] of TITLES) tickets.push(await listTicket(seller, { title, price }));
  return { seller, tickets };
}

/** Is nothing of the page wider than its window? */
async function expectNoOverflow(page) {
  const { inner, scroll, widest } = await page.evaluate(() => ({
    inner: document.documentElement.clientWidth,
    scroll: document.documentElement.scrollWidth,
    widest: [...document.querySelectorAll('body *')]
      .map(element => [element.getBoundingClientRect().right, element.outerHTML.slice(0, 120)])
      .sort(([a], [b]) => Number(b) - Number(a))[0],
  }));
  assert(scroll <= inner, `${scroll} px in a window of ${inner}: ${widest}`);
}

/** Wait until what has changed is drawn: a colour that fades in is still the old one until then. */
async function drawn(page) {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForFunction(() => document.getAnimations().length === 0);
}

/**
 * Look at the page as it stands: in each width, by day and by night.
 * @param {Page} page
 * @param {{ except?: string[] }} [options] of axe: what somebody else's part of the page breaks
 */
export async function inspect(page, name, options) {
  for (const [suffix, viewport, colorScheme] of LOOKS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await drawn(page);
    await expectNoOverflow(page);
    if (suffix !== 'wide') await expectNoAxeViolations(page, options); // the dark one is as wide
    await page.evaluate(() => scrollTo(0, 0)); // or the header would stand amid the picture
    await screenshot(page, `${name}-${suffix}`);
  }
  await page.setViewportSize(ZOOMED);
  await expectNoOverflow(page);
}
