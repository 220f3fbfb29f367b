/* Numbers and durations as an operator reads them: short, and never more exact than is useful. */

const UNITS: [ms: number, name: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/* "14 ms", "1.4 s", "48 s", "2 min 5 s", "3 h 20 min", "12 d". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1).replace('.0', '')} s`;
  const rounded = Math.round(ms / 1000) * 1000;
  const at = UNITS.findIndex(([unit]) => rounded >= unit);
  const [unit, name] = UNITS[at]!;
  const whole = Math.floor(rounded / unit);
  const [small, smallName] = UNITS[at + 1] ?? [0, ''];
  const rest = small && whole < 10 ? Math.floor((rounded % unit) / small) : 0;
  return rest ? `${whole} ${name} ${rest} ${smallName}` : `${whole} ${name}`;
}

/* The same in its largest unit alone, for what keeps moving: "0 s", "48 s", "2 min", "3 h". */
export function roughly(ms: number): string {
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  const [unit, name] = UNITS[at] ?? UNITS.at(-1)!;
  return `${Math.max(0, Math.floor(ms / unit))} ${name}`;
}

/* How long before `now` it was: "just now", "48 s ago". */
export function ago(at: string, now: string): string {
  const ms = Date.parse(now) - Date.parse(at);
  return ms < 1000 ? 'just now' : `${roughly(ms)} ago`;
}

/* "1 event", "2 events". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

/* Events in a second, or in a minute where that is easier to picture; "quiet" for none. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return 'quiet';
  if (perSecond < 1) return `${Math.max(1, Math.round(perSecond * 60))}/min`;
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
}

/* A JSON text, laid out to be read; any other text as it is. */
export function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

const ID = /^[0-9a-f]{24}$/i;

/* An id as the API takes it, from what somebody pasted; null for no id. */
export function asId(text: unknown): string | null {
  const id = typeof text === 'string' ? text.trim().toLowerCase() : '';
  return ID.test(id) ? id : null;
}

/* The order that a dead letter is about, where that can be told: by the event's name and aggregate, or
 * by its body, which may be anything. */
export function orderOf(subject: string, aggregateId: string, body: string | null) {
  const isOrder = /^(order|expiration)\./.test(subject);
  const named = isOrder ? asId(aggregateId) : null;
  if (named) return named;
  try {
    const { id, orderId } = (JSON.parse(body ?? '') ?? {}) as { id?: unknown; orderId?: unknown };
    return asId(orderId) ?? (isOrder ? asId(id) : null);
  } catch {
    return null;
  }
}
