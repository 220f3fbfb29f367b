/*
 * The API as the browser asks it, same origin. Every question ends: in an answer, or after
 * TIMEOUT_MS with a sentence that can be shown. A 401 is tried once more with a renewed session.
 */
import type { ApiError } from './types';

const TIMEOUT_MS = 20000; // a payment may wait for Stripe
const TRY_MS = 2000;
const PAUSE_MS = 250;

export interface Reply<T> {
  ok: boolean;
  status: number; // 0: no answer came
  data: T | null;
  errors: ApiError[];
  serverNow: number | null; // ms, the middle of the second that the Date header names
}

export interface Question {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

const NO_ANSWER = 'The connection was lost. Check it, and try again.';
const AWAY = 'That part of the marketplace does not answer right now. Try again in a moment.';
const TOO_MANY = 'That was too often in a short time. Wait a moment, and try again.';

async function askOnce<T>(path: string, question: Question): Promise<Reply<T>> {
  const { method = 'GET', body, headers, timeoutMs = TIMEOUT_MS } = question;
  try {
    const response = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const data: unknown = text === '' ? null : JSON.parse(text);
    const date = Date.parse(response.headers.get('date') ?? '');
    return {
      ok: response.ok,
      status: response.status,
      data: data as T | null,
      errors: response.ok ? [] : errorsOf(response.status, data),
      serverNow: Number.isNaN(date) ? null : date + 500,
    };
  } catch {
    return { ok: false, status: 0, data: null, errors: [{ message: NO_ANSWER }], serverNow: null };
  }
}

/* What to show; infrastructure is told in our words, everything else in the API's. */
function errorsOf(status: number, data: unknown): ApiError[] {
  if (status >= 500) return [{ message: AWAY }];
  if (status === 429) return [{ message: TOO_MANY }];
  const { errors } = (data ?? {}) as { errors?: ApiError[] };
  return errors?.length ? errors : [{ message: `The request was refused (${status}).` }];
}

/* Is anybody signed in? undefined: auth does not say. */
export async function isSignedIn(): Promise<boolean | undefined> {
  const reply = await askOnce<{ currentUser: unknown }>('/api/users/currentuser', {});
  return reply.ok ? reply.data?.currentUser !== null : undefined;
}

let refreshing: Promise<boolean | undefined> | null = null;

/* Renew the session by its refresh token; one at a time. false: there is none, or it is refused. */
export function refreshSession(): Promise<boolean | undefined> {
  refreshing ??= askOnce('/api/users/refresh', { method: 'POST' })
    .then(reply => (reply.ok ? true : reply.status === 401 ? false : undefined))
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

const SIGNED_OUT = 'signed-out';

/* Sign out, here and in this browser's other pages. */
export async function signOut(): Promise<Reply<unknown>> {
  const reply = await ask('/api/users/signout', { method: 'POST', body: {} });
  if (reply.ok) {
    const others = new BroadcastChannel(SIGNED_OUT);
    others.postMessage(null);
    others.close();
  }
  return reply;
}

/* Call `listener` when another page of this browser has signed out; gives what ends that. */
export function onSignOut(listener: () => void): () => void {
  const others = new BroadcastChannel(SIGNED_OUT);
  others.onmessage = listener;
  return () => others.close();
}

/* Ask. `data` is null where there is no answer, and may hold members beside `errors` where refused
 * (409's prices). */
export async function ask<T>(path: string, question: Question = {}): Promise<Reply<T>> {
  const reply = await askOnce<T>(path, question);
  if (reply.status !== 401 || (await isSignedIn())) return reply;
  return (await refreshSession()) ? askOnce<T>(path, question) : reply;
}

/* Ask, and again for up to TRY_MS, while the answer is one that may be another in a moment. */
export async function askWhile<T>(
  path: string,
  question: Question,
  isEarly: (reply: Reply<T>) => boolean,
): Promise<Reply<T>> {
  const until = Date.now() + TRY_MS;
  for (;;) {
    const reply = await ask<T>(path, question);
    if (!isEarly(reply) || Date.now() > until) return reply;
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  }
}

/* The errors by field; those of no field, or of one the form does not have, under ''. */
export function byField(errors: ApiError[], fields: string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { field = '', message } of errors) {
    const key = fields.includes(field) ? field : '';
    result[key] = result[key] ? `${result[key]}. ${message}` : message;
  }
  return result;
}
