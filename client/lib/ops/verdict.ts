/*
 * The one glance: what in an overview needs somebody, in words, the gravest first.
 *
 * Lag, an overdue hold or a waiting outbox is there for a moment whenever the system is busy. Such a
 * thing counts when two overviews in a row show it, so that the headline does not flicker. Each thing
 * has a title without numbers: it stays the same while the numbers move, and only a change of titles
 * is worth announcing.
 */
import type { Overview } from './types';
import { count, duration } from './words';

export interface Need {
  title: string;
  detail: string;
  panel: string; // the id of the panel that shows more
  grave: boolean; // something does not work, as against: something should be looked at
}

const LAG = 50;
const REDELIVERED = 5;
const OUTBOX_MS = 10_000;

/* Reasons that are told once, as a store's: what a service or a part lacks for it is no other need. */
function given({ stores: rows }: Overview): Set<string | null> {
  return new Set(rows.filter(row => row.ok === false).map(row => row.detail));
}

function services(overview: Overview): Need[] {
  const told = given(overview);
  const rows = overview.services ?? [];
  return rows.flatMap(row => {
    const several = rows.filter(({ service }) => service === row.service).length > 1;
    const which = several ? ` (process ${row.instance})` : '';
    const detail = row.problems.join(', ');
    if (row.state === 'away') return need(`${row.service} is away`, detail, 'services', true);
    if (detail && row.problems.every(problem => told.has(problem))) return [];
    if (row.state === 'not ready')
      return need(`${row.service}${which} is not ready`, detail, 'services', true);
    return detail ? need(`${row.service}${which} has a problem`, detail, 'services') : [];
  });
}

function stores({ stores: rows, services: processes }: Overview): Need[] {
  return rows.flatMap(({ store, ok, detail }) => {
    if (ok !== false) return [];
    const hit = (processes ?? []).filter(row => detail !== null && row.problems.includes(detail));
    const names = [...new Set(hit.map(row => row.service))];
    const lack = names.length > 0 ? `needed by ${names.join(', ')}` : '';
    return need(detail ?? `${store} is away`, lack, 'stores', true);
  });
}

/* Parts that could not be read, but for the reasons that a store's row gives already. */
function unread(overview: Overview): Need[] {
  const { away } = overview;
  const told = given(overview);
  const reasons = new Set(Object.values(away).filter(reason => !told.has(reason)));
  return [...reasons].flatMap(reason => {
    const parts = Object.keys(away).filter(part => away[part] === reason);
    const panel = parts[0] === 'timers' ? 'holds' : parts[0]!;
    return need(reason, `Cannot be read: ${parts.join(', ')}`, panel);
  });
}

function letters({ deadLetters }: Overview): Need[] {
  const some = (deadLetters ?? []).filter(row => row.count > 0);
  const detail = some.map(row => `${row.count} for ${row.service}`).join(', ');
  return detail ? need('There are dead letters', detail, 'deadLetters') : [];
}

function audit({ audit: { found, problem } }: Overview): Need[] {
  if (problem) return need('The last audit is incomplete', problem, 'audit');
  return found
    ? need('The last audit found broken promises', count(found, 'finding'), 'audit', true)
    : [];
}

function deaf({ consumers, services: rows }: Overview): Need[] {
  const away = new Set((rows ?? []).filter(row => row.state === 'away').map(row => row.service));
  return (consumers ?? []).flatMap(row =>
    !row.bound && !away.has(row.service)
      ? need(
          `${row.service} does not listen to ${row.stream}`,
          `${count(row.pending, 'event')} behind`,
          'consumers',
          true,
        )
      : [],
  );
}

function behind({ consumers }: Overview): Need[] {
  return (consumers ?? []).flatMap(row => {
    if (!row.bound) return [];
    if (row.pending >= LAG)
      return need(
        `${row.service} is behind on ${row.stream}`,
        count(row.pending, 'event'),
        'consumers',
      );
    return row.redelivered >= REDELIVERED
      ? need(
          `${row.service} keeps asking again for ${row.stream}`,
          count(row.redelivered, 'event'),
          'consumers',
        )
      : [];
  });
}

function waiting({ outboxes, holds }: Overview): Need[] {
  const old = (outboxes ?? []).filter(row => (row.oldestMs ?? 0) > OUTBOX_MS);
  return [
    ...old.flatMap(row =>
      need(
        `The outbox of ${row.service} is not emptied`,
        `${count(row.waiting, 'event')}, the oldest for ${duration(row.oldestMs!)}`,
        'outboxes',
      ),
    ),
    ...(holds && holds.overdue > 0
      ? need('Holds are overdue', count(holds.overdue, 'order'), 'holds')
      : []),
  ];
}

function need(title: string, detail: string, panel: string, grave = false): Need[] {
  return [{ title, detail, panel, grave }];
}

const LASTING = [stores, services, unread, deaf, audit, letters];
const PASSING = [behind, waiting];

/* What needs somebody now. `before`: the overview before this one, if there was one. */
export function needs(now: Overview, before: Overview | null): Need[] {
  const seen = new Set(
    before ? PASSING.flatMap(look => look(before)).map(({ title }) => title) : [],
  );
  const lasting = LASTING.flatMap(look => look(now));
  const passing = PASSING.flatMap(look => look(now)).filter(({ title }) => seen.has(title));
  return [...lasting, ...passing].sort((a, b) => Number(b.grave) - Number(a.grave));
}

export function headline(list: Need[]): string {
  if (list.length === 0) return 'All is well';
  return list.length === 1 ? '1 thing needs you' : `${list.length} things need you`;
}
