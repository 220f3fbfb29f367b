'use client';

/* The operator's page: one overview every two seconds, drawn in panels. */
import { useState } from 'react';

import { classes } from '@/lib/classes';
import { usePoll } from '@/lib/ops/use-poll';
import type { Overview } from '@/lib/ops/types';
import { headline, needs } from '@/lib/ops/verdict';
import { begin, watched } from '@/lib/ops/watch';
import { AuditPanel } from './audit';
import { Consumers } from './consumers';
import { DeadLetters } from './dead-letters';
import { Freshness } from './freshness';
import { HoldsPanel } from './holds';
import { OrderLookup } from './order-lookup';
import { Outboxes } from './outboxes';
import { Services } from './services';
import { Stores } from './stores';
import { Streams } from './streams';
import { Verdict } from './verdict';
import styles from './dashboard.module.css';

export function Dashboard({ initial }: { initial: Overview | null }) {
  const [watch, setWatch] = useState(() => begin(initial));
  const poll = usePoll<Overview>('/api/ops/overview', initial !== null, overview =>
    setWatch(before => watched(before, overview)),
  );
  const { now, before, samples } = watch;
  const list = now ? needs(now, before) : [];

  return (
    <div className="wrap">
      <div className={styles.head}>
        <h1>Operations</h1>
        <Freshness at={now?.at ?? null} failed={poll.failed} next="/ops" />
      </div>
      <div className={classes(styles.grid, poll.failed !== null && styles.old)}>
        <Verdict
          title={now ? headline(list) : 'Looking …'}
          list={list}
          overview={now}
          failed={poll.failed}
        />
        <section className={styles.lookup} aria-labelledby="lookup-title">
          <h2 id="lookup-title">An order’s path</h2>
          <OrderLookup />
        </section>
        {now && (
          <>
            <Services rows={now.services} away={now.away.services} />
            <Stores rows={now.stores} />
            <Streams rows={now.streams} samples={samples} at={now.at} away={now.away.streams} />
            <Consumers rows={now.consumers} away={now.away.consumers} />
            <Outboxes rows={now.outboxes} away={now.away.outboxes} />
            <HoldsPanel
              holds={now.holds}
              timers={now.timers}
              at={now.at}
              away={now.away.holds}
              timersAway={now.away.timers}
            />
            <AuditPanel audit={now.audit} at={now.at} again={poll.again} />
            <DeadLetters
              counts={now.deadLetters}
              away={now.away.deadLetters}
              at={now.at}
              again={poll.again}
            />
          </>
        )}
      </div>
    </div>
  );
}
