/*
 * What the list of tickets is asked for. It stands in the page's address, so that a search can be
 * linked to, reloaded, and returned to; and it is understood the same without script.
 *
 * `show` grows by a step with each "Show more", up to what the API gives at once; the list then
 * goes on at a page of its own (`after`). So what was on the page stays there, the address names all
 * of it, and going back from a ticket finds the list as long as it was.
 */
export const STEP = 24;
const MOST = 4 * STEP; // the API gives 100

export const SORTS = {
  newest: 'Newest',
  price: 'Price, low to high',
  '-price': 'Price, high to low',
  title: 'Title, A to Z',
} as const;

export type Sort = keyof typeof SORTS;

export interface Search {
  q: string;
  sort: Sort;
  after: string;
  show: number;
}

type Params = Record<string, string | string[] | undefined>;

function one(value: string | string[] | undefined): string {
  return ((Array.isArray(value) ? value[0] : value) ?? '').trim();
}

export function readSearch(params: Params): Search {
  const sort = one(params.sort);
  const steps = Math.round(Number(one(params.show)) / STEP) || 1;
  return {
    q: one(params.q),
    sort: sort in SORTS ? (sort as Sort) : 'newest',
    after: one(params.after),
    show: Math.min(Math.max(steps, 1) * STEP, MOST),
  };
}

/* The address of the page that shows `search`; what is usual is left out. */
export function searchHref({ q, sort, after, show }: Search): string {
  const params = new URLSearchParams();
  if (q) params.set('q', q);
  if (sort !== 'newest') params.set('sort', sort);
  if (after) params.set('after', after);
  if (show !== STEP) params.set('show', String(show));
  return params.size > 0 ? `/?${params}` : '/';
}

/* The API's address of what that page shows. */
export function searchPath({ q, sort, after, show }: Search): string {
  const params = new URLSearchParams({ limit: String(show), sort });
  if (q) params.set('q', q);
  if (after) params.set('after', after);
  return `/api/tickets?${params}`;
}

/* Where more is shown: this page grown by a step, or the page after it. */
export function moreOf(search: Search, next: string): { search: Search; grows: boolean } {
  return search.show < MOST
    ? { search: { ...search, show: search.show + STEP }, grows: true }
    : { search: { ...search, after: next, show: STEP }, grows: false };
}
