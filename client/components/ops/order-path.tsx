'use client';

/* One order's way through the services, followed live. */
import { useState } from 'react';

import { moments } from '@/lib/ops/moments';
import type { OrderPath } from '@/lib/ops/types';
import { usePoll } from '@/lib/ops/use-poll';
import { count } from '@/lib/ops/words';
import { Notice } from '../notice';
import { Freshness } from './freshness';
import { OrderFacts } from './order-facts';
import { OrderPathFrame } from './order-path-frame';
import { SequenceDiagram } from './sequence';
import { StepList } from './step-list';
import styles from './order-path.module.css';

function Path({ path }: { path: OrderPath }) {
  const list = moments(path);
  const events = path.steps?.length ?? 0;
  return (
    <>
      {Object.entries(path.away).map(([part, reason]) => (
        <Notice
          key={part}
          tone="warn"
          title={
            part === 'steps'
              ? `The events cannot be read: ${reason}. What follows is from the order’s own history.`
              : `Part of this cannot be read (${part}): ${reason}.`
          }
        />
      ))}
      {!path.complete && (
        <Notice tone="warn" title="Not every event could be read in time; some may be missing." />
      )}
      {path.order && <OrderFacts order={path.order} />}
      <section className={styles.card} aria-labelledby="sequence-title">
        <div className={styles.cardHead}>
          <h2 id="sequence-title">Sequence</h2>
          <p className={styles.legend}>time downwards · a filled tip calls, an open one tells</p>
        </div>
        <SequenceDiagram list={list} participants={path.participants ?? []} />
        <h3 className={styles.words}>In words</h3>
        <StepList list={list} />
      </section>
      <p role="status" className="visually-hidden">
        {count(events, 'event')}
        {path.order ? `. The order is ${path.order.status.replace(':', ' ')}.` : ''}
      </p>
    </>
  );
}

/* `initial`: as the server read it; null where the operations service did not answer. */
export function OrderPathView({ id, initial }: { id: string; initial: OrderPath | null }) {
  const [path, setPath] = useState(initial);
  const poll = usePoll<OrderPath>(`/api/ops/orders/${id}/path`, initial !== null, setPath);
  return (
    <OrderPathFrame>
      <div className={styles.head}>
        <h1>An order’s path</h1>
        <Freshness at={path?.at ?? null} failed={poll.failed} next={`/ops/orders/${id}`} />
      </div>
      {path ? (
        <Path path={path} />
      ) : (
        <p className="quiet" role="status">
          Reading the order and its events …
        </p>
      )}
    </OrderPathFrame>
  );
}
