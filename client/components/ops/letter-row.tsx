'use client';

import Link from 'next/link';
import { useState } from 'react';

import { ask } from '@/lib/browser';
import type { Letter, LetterWithBody } from '@/lib/ops/types';
import { ago, orderOf, readable } from '@/lib/ops/words';
import { Button } from '../button';
import { Time } from '../time';
import styles from './dead-letters.module.css';

function tries({ deliveries, replays }: Letter): string {
  const own = deliveries === 1 ? 'tried once' : `tried ${deliveries} times`;
  return replays === 0 ? own : `${own}, replayed ${replays === 1 ? 'once' : `${replays} times`}`;
}

/* Its body as it came, read when it is asked for. */
function Body({ letter, body }: { letter: Letter; body: LetterWithBody | string | null }) {
  if (body === null) return <p className="quiet">Reading it …</p>;
  if (typeof body === 'string') return <p className={styles.reason}>{body}</p>;
  const order = orderOf(letter.subject, letter.aggregateId, body.body);
  return (
    <>
      <dl className={styles.facts}>
        <dt>Event</dt>
        <dd className="code">{letter.eventId || 'without an id'}</dd>
        <dt>Letter</dt>
        <dd className="code">{letter.id}</dd>
        <dt>Came</dt>
        <dd>
          <Time iso={letter.at} />
        </dd>
      </dl>
      {body.body === null ? (
        <p className="quiet">Its body is no text.</p>
      ) : (
        <pre className={styles.body} tabIndex={0} aria-label={`Body of ${letter.subject}`}>
          {readable(body.body)}
        </pre>
      )}
      {order && (
        <Link className={styles.path} href={`/ops/orders/${order}`}>
          See the order’s path
        </Link>
      )}
    </>
  );
}

interface LetterRowProps {
  letter: Letter;
  at: string;
  onReplay: () => void;
}

export function LetterRow({ letter, at, onReplay }: LetterRowProps) {
  const [body, setBody] = useState<LetterWithBody | string | null>(null);

  const read = async () => {
    const query = new URLSearchParams({ service: letter.service, id: letter.id });
    const reply = await ask<LetterWithBody>(`/api/ops/deadletters/letter?${query.toString()}`);
    setBody(reply.ok && reply.data ? reply.data : (reply.errors[0]?.message ?? ''));
  };

  return (
    <li className={styles.letter}>
      <details onToggle={event => event.currentTarget.open && void read()}>
        <summary className={styles.summary}>
          <span className={styles.subject}>{letter.subject}</span>
          <span className={styles.service}>for {letter.service}</span>
          <span className={styles.reason}>{letter.reason}</span>
          <span className={styles.when}>
            {ago(letter.at, at)} · {tries(letter)}
          </span>
        </summary>
        <div className={styles.inside}>
          <Body letter={letter} body={body} />
        </div>
      </details>
      <Button look="secondary" small onClick={onReplay}>
        Replay
        <span className="visually-hidden">
          {' '}
          {letter.subject} for {letter.service}
        </span>
      </Button>
    </li>
  );
}
