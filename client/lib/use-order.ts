'use client';

/*
 * An order as it is now: what the server drew, moved on by the stream, by polling, and by questions
 * of our own. Only a newer version is ever taken, so it does not matter who is first.
 */
import { useRouter } from 'next/navigation';
import { useCallback, useMemo, useRef, useState } from 'react';

import { ask } from './browser';
import { noteServerTime } from './clock';
import { useLive } from './live';
import { isOpen } from './order-stage';
import type { Order } from './types';

const FIRST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 2000;

export interface LiveOrder {
  order: Order;
  /* As last heard, for whoever has waited since the page was last drawn. */
  newest: () => Order;
  /* Ask the API now. */
  reload: () => Promise<Order>;
  /* Ask until the order is as wanted, or `timeoutMs` have passed. */
  waitFor: (wanted: (order: Order) => boolean, timeoutMs: number) => Promise<void>;
}

export function useOrder(drawn: Order): LiveOrder {
  const router = useRouter();
  const [heard, setHeard] = useState(drawn);
  const last = useRef(drawn);
  const newest = useCallback(() => last.current, []);
  const order = drawn.version > heard.version ? drawn : heard;
  const path = `/api/orders/${drawn.id}`;

  const take = useCallback((next: Order) => {
    if (next.version <= last.current.version) return;
    last.current = next;
    setHeard(next);
  }, []);

  const reload = useCallback(async () => {
    const reply = await ask<Order>(path);
    noteServerTime(reply.serverNow);
    if (reply.ok && reply.data) take(reply.data);
    else if (reply.status === 401) router.refresh(); // the session is over: the page sends to sign in
    return last.current;
  }, [path, take, router]);

  const waitFor = useCallback(
    async (wanted: (order: Order) => boolean, timeoutMs: number) => {
      const until = Date.now() + timeoutMs;
      let pause = FIRST_PAUSE_MS;
      while (!wanted(last.current) && !wanted(await reload()) && Date.now() < until) {
        await new Promise(resolve => setTimeout(resolve, pause));
        pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
      }
    },
    [reload],
  );

  useLive<Order>(isOpen(order) ? `${path}/events` : null, 'order', {
    onEvent: take,
    onGap: () => void reload(),
  });

  return useMemo(() => ({ order, newest, reload, waitFor }), [order, newest, reload, waitFor]);
}
