'use client';

/*
 * Events that a service could not handle: read the list when the counts of the overview change, show
 * one, hand one or all to its service again.
 */
import { useEffect, useRef, useState } from 'react';

import { ask } from '@/lib/browser';
import type { Letter, LetterCount } from '@/lib/ops/types';
import { count } from '@/lib/ops/words';
import { Button } from '../button';
import { Dialog } from '../dialog';
import { Notice } from '../notice';
import { LetterRow } from './letter-row';
import { Panel } from './panel';
import styles from './dead-letters.module.css';

const SHOWN = 50;

interface DeadLettersProps {
  counts: LetterCount[] | null;
  away: string | undefined;
  at: string;
  again: () => void;
}

type Replay = Pick<Letter, 'service'> & { letter: Letter | null };

interface Outcome {
  tone: 'good' | 'bad';
  text: string;
}

function outcomeOf({ done, failed }: { done: number; failed: number }): Outcome {
  if (failed === 0) return { tone: 'good', text: `${count(done, 'event')} handled now.` };
  const stayed = `${count(failed, 'event')} could not be handled; the reason is in the list.`;
  return {
    tone: 'bad',
    text: done > 0 ? `${count(done, 'event')} handled now. ${stayed}` : stayed,
  };
}

/* The list, read anew whenever `key` changes. */
function useLetters(key: string, any: boolean) {
  const [letters, setLetters] = useState<Letter[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let over = false;
    if (any)
      void ask<{ results: Letter[] }>(`/api/ops/deadletters?limit=${SHOWN}`).then(reply => {
        if (over) return;
        if (reply.ok && reply.data) setLetters(reply.data.results);
        setProblem(reply.ok ? null : (reply.errors[0]?.message ?? ''));
      });
    return () => {
      over = true;
    };
  }, [key, any]);
  return { letters, problem };
}

export function DeadLetters({ counts, away, at, again }: DeadLettersProps) {
  const [asked, setAsked] = useState<Replay | null>(null);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [replays, setReplays] = useState(0);
  const result = useRef<HTMLDivElement>(null);
  const some = (counts ?? []).filter(row => row.count > 0);
  const total = some.reduce((sum, row) => sum + row.count, 0);
  const key = some.map(row => `${row.service} ${row.count}`).join();
  const { letters, problem } = useLetters(`${key} ${replays}`, total > 0);

  const replay = async ({ service, letter }: Replay) => {
    setBusy(true);
    const body = letter ? { service, id: letter.id } : { service };
    const reply = await ask<{ done: number; failed: number }>('/api/ops/deadletters/replay', {
      method: 'POST',
      body,
    });
    setBusy(false);
    setAsked(null);
    setOutcome(
      reply.ok && reply.data
        ? outcomeOf(reply.data)
        : { tone: 'bad', text: reply.errors[0]?.message ?? '' },
    );
    setReplays(n => n + 1);
    again();
    result.current?.focus();
  };

  return (
    <Panel
      id="deadLetters"
      title="Dead letters"
      away={counts ? undefined : (away ?? 'no answer')}
      aside={total === 0 ? 'none' : count(total, 'event')}
    >
      <div ref={result} tabIndex={-1} role="status" className={styles.outcome}>
        {outcome && <Notice tone={outcome.tone} title={outcome.text} />}
      </div>
      {total === 0 && (
        <p className={styles.none}>
          Every event was handled. One that never can be is put here, with its reason, so that it
          does not hold up the others.
        </p>
      )}
      {total > 0 && problem !== null && <Notice tone="warn" title={problem} />}
      {total > 0 && letters && (
        <>
          <ul className={styles.letters}>
            {letters.map(letter => (
              <LetterRow
                key={`${letter.service} ${letter.id}`}
                letter={letter}
                at={at}
                onReplay={() => setAsked({ service: letter.service, letter })}
              />
            ))}
          </ul>
          <div className={styles.all}>
            {some.map(row => (
              <Button
                key={row.service}
                look="secondary"
                small
                onClick={() => setAsked({ service: row.service, letter: null })}
              >
                Replay all of {row.service} ({row.count})
              </Button>
            ))}
            {total > letters.length && (
              <p className="quiet">The newest {letters.length} are shown.</p>
            )}
          </div>
        </>
      )}
      {asked && (
        <Dialog
          title={
            asked.letter ? `Replay ${asked.letter.subject}?` : `Replay all of ${asked.service}?`
          }
          onClose={() => setAsked(null)}
          actions={
            <>
              <Button busy={busy} onClick={() => void replay(asked)}>
                Replay
              </Button>
              <Button look="plain" onClick={() => setAsked(null)}>
                Leave it
              </Button>
            </>
          }
        >
          <p>
            {asked.letter
              ? `This event is handed to ${asked.service} again. If ${asked.service} still cannot handle it, it stays here.`
              : `All dead letters of ${asked.service} are handed to it again, the oldest first. What it still cannot handle stays here.`}
          </p>
        </Dialog>
      )}
    </Panel>
  );
}
