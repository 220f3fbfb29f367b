'use client';

import { useState } from 'react';

import { ask } from '@/lib/browser';
import { classes } from '@/lib/classes';
import type { Audit } from '@/lib/ops/types';
import { ago, count, duration } from '@/lib/ops/words';
import { Button } from '../button';
import { Icon } from '../icon';
import { Notice } from '../notice';
import { Panel } from './panel';
import styles from './figures.module.css';

function Result({ audit: { found, problem, at } }: { audit: Audit }) {
  if (at === null) return <p className="quiet">None was made yet.</p>;
  if (problem !== null)
    return (
      <p className={styles.result}>
        <Icon name="alert" /> {problem}
      </p>
    );
  return (
    <p className={classes(styles.result, found ? styles.bad : styles.good)}>
      <Icon name={found ? 'alert' : 'check'} />
      {found ? count(found, 'broken promise') : 'Every promise is kept'}
    </p>
  );
}

interface AuditProps {
  audit: Audit;
  at: string;
  again: () => void;
}

/* The last comparison of what the services and Stripe have. `again`: look at the overview now. */
export function AuditPanel({ audit, at, again }: AuditProps) {
  const [asking, setAsking] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);

  const run = async () => {
    setAsking(true);
    setRefused(null);
    const reply = await ask('/api/ops/audit', { method: 'POST' });
    setAsking(false);
    // 409: one is running already, which is what was wished for.
    if (!reply.ok && reply.status !== 409) setRefused(reply.errors[0]?.message ?? '');
    again();
  };

  const checked = Object.entries(audit.checked ?? {}).filter(
    ([what]) => what !== 'intents' || audit.stripe,
  );
  return (
    <Panel
      id="audit"
      title="Last audit"
      span="third"
      aside={audit.at === null ? 'none yet' : ago(audit.at, at)}
    >
      <Result audit={audit} />
      {audit.findings.length > 0 && (
        <ul className={styles.findings} tabIndex={0} aria-label="Findings">
          {audit.findings.map(({ promise, text }) => (
            <li key={promise + text}>
              <b>{promise}</b> {text}
            </li>
          ))}
        </ul>
      )}
      {checked.length > 0 && (
        <p className={styles.checked}>
          Read in {duration(audit.tookMs ?? 0)}:{' '}
          {checked.map(([what, n]) => `${n.toLocaleString('en-US')} ${what}`).join(', ')}.
          {audit.stripe === false && ' Stripe was not asked.'}
        </p>
      )}
      {refused !== null && <Notice tone="bad" title={refused} live />}
      <div className={styles.action}>
        <Button look="secondary" small busy={asking || audit.running} onClick={() => void run()}>
          {audit.running ? 'Running …' : 'Run now'}
        </Button>
      </div>
      <p role="status" className="visually-hidden">
        {audit.running ? 'An audit is running' : ''}
      </p>
    </Panel>
  );
}
