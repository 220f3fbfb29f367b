/*
 * Where everything of the sequence diagram goes. Time runs downwards, but not to scale: each moment
 * has a row of the same height, so that a burst of events within a millisecond stays readable, and
 * where more than a second passed there is a gap between the rows that says how long.
 */
import type { Tone } from '../tone';
import { statusTone, statusWords, type Moment } from './moments';
import { duration } from './words';

const TIMES = 112; // the column of times
const LANE = 196;
const HEAD = 64;
const ROW = 58;
const REQUEST_ROW = 40; // nothing to mark on a lifeline: needs less
const GAP = 30;
const GAP_MS = 1000;
const ORDER = ['buyer', 'auth', 'tickets', 'orders', 'expiration', 'payments'];
const CHARACTER = 6.8; // of a mark's text, on the generous side

export interface Lane {
  name: string;
  x: number;
}

export interface Mark {
  x: number;
  width: number;
  text: string;
  tone: Tone;
}

export interface Row {
  moment: Moment;
  y: number;
  fromX: number;
  arrows: { x1: number; x2: number }[]; // from the sayer's mark to a hearer's lifeline
  label: { x: number; anchor: 'start' | 'end'; y: number };
  mark: Mark | null;
}

export interface Gap {
  y: number;
  text: string;
}

/* The stretch of a lifeline in one state. */
export interface Stretch {
  x: number;
  y1: number;
  y2: number;
  tone: Tone;
}

export interface Sequence {
  width: number;
  height: number;
  top: number; // where the lifelines begin
  lanes: Lane[];
  rows: Row[];
  gaps: Gap[];
  stretches: Stretch[];
}

function lanesOf(list: Moment[], participants: string[]): Lane[] {
  const names = new Set([...participants, ...list.flatMap(({ from, to }) => [from, ...to])]);
  const rank = (name: string) => (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);
  return [...names]
    .sort((a, b) => rank(a) - rank(b))
    .map((name, i) => ({ name, x: TIMES + LANE * (i + 0.5) }));
}

function rowOf(moment: Moment, y: number, at: Map<string, number>): Row {
  const fromX = at.get(moment.from)!;
  const text = moment.status ? statusWords(moment.status) : '';
  const mark = moment.status
    ? { x: fromX, width: text.length * CHARACTER + 22, text, tone: statusTone(moment.status) }
    : null;
  const reach = mark ? mark.width / 2 : 0;
  const arrows = moment.to.map(name => {
    const x2 = at.get(name)!;
    return { x1: fromX + (x2 > fromX ? reach : -reach), x2 };
  });
  // The label stands above the arrows, on the side where they go; beside the mark where none go.
  const last = fromX === Math.max(...at.values());
  const leftwards = arrows.length > 0 ? arrows.every(({ x2 }) => x2 < fromX) : last;
  return {
    moment,
    y,
    fromX,
    arrows,
    mark,
    label: {
      x: fromX + (leftwards ? -1 : 1) * (reach + 10),
      anchor: leftwards ? 'end' : 'start',
      y: arrows.length > 0 ? y - 8 : y + 4,
    },
  };
}

function stretchesOf(rows: Row[], bottom: number): Stretch[] {
  return rows.flatMap((row, i) => {
    if (!row.mark) return [];
    const next = rows.slice(i + 1).find(later => later.mark?.x === row.fromX);
    return [{ x: row.fromX, y1: row.y, y2: next?.y ?? bottom, tone: row.mark.tone }];
  });
}

export function layOut(list: Moment[], participants: string[]): Sequence {
  const lanes = lanesOf(list, participants);
  const at = new Map(lanes.map(({ name, x }) => [name, x]));
  const rows: Row[] = [];
  const gaps: Gap[] = [];
  let y = HEAD;
  let before: number | null = null;
  list.forEach((moment, i) => {
    // A request has no time of its own: the pause before it is the one before what it caused.
    const time = moment.at ?? list[i + 1]?.at;
    const ms = time && before !== null ? Date.parse(time) - before : 0;
    if (ms >= GAP_MS) {
      gaps.push({ y: y + GAP / 2 + 6, text: duration(ms) });
      y += GAP;
    }
    if (time) before = Date.parse(time);
    y += moment.kind === 'request' ? REQUEST_ROW : ROW;
    rows.push(rowOf(moment, y - 18, at));
  });
  const height = y + 22;
  return {
    width: TIMES + LANE * lanes.length,
    height,
    top: HEAD - 20,
    lanes,
    rows,
    gaps,
    stretches: stretchesOf(rows, height - 10),
  };
}
