'use client';

import { useRouter } from 'next/navigation';
import { useRef, useState, useTransition, type FormEvent } from 'react';

import { Button } from '@/components/button';
import { Icon } from '@/components/icon';
import { searchHref, STEP, type Sort } from '@/lib/search';
import styles from './search-form.module.css';

/* A plain GET form, which works as it is; with script the page stays and only the list changes. */
export function SearchForm({ q, sort }: { q: string; sort: Sort }) {
  const router = useRouter();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(q);
  const [shown, setShown] = useState(q);
  const [searching, startTransition] = useTransition();

  if (q !== shown) {
    // The list was changed by a link, or by going back: the field follows.
    setShown(q);
    setText(q);
  }

  const go = (wanted: string) =>
    startTransition(() =>
      router.push(searchHref({ q: wanted.trim(), sort, after: '', show: STEP }), { scroll: false }),
    );

  const submit = (event: FormEvent) => {
    event.preventDefault();
    go(text);
  };

  const clear = () => {
    setText('');
    input.current?.focus();
    if (q) go('');
  };

  return (
    <form className={styles.form} role="search" action="/" onSubmit={submit}>
      <label className="visually-hidden" htmlFor="q">
        Search tickets
      </label>
      <span className={styles.sign}>
        <Icon name="search" size={22} />
      </span>
      <input
        ref={input}
        id="q"
        name="q"
        type="search"
        enterKeyHint="search"
        autoComplete="off"
        maxLength={200}
        placeholder="Event, artist or place"
        value={text}
        onChange={event => setText(event.target.value)}
      />
      {sort !== 'newest' && <input type="hidden" name="sort" value={sort} />}
      {text && (
        <button type="button" className={styles.clear} onClick={clear}>
          <Icon name="close" />
          <span className="visually-hidden">Clear the search</span>
        </button>
      )}
      <Button type="submit" busy={searching}>
        Search
      </Button>
    </form>
  );
}
