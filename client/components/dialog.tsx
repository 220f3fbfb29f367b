'use client';

/*
 * A question in front of the page. The browser's own <dialog>: it keeps the focus inside, gives it
 * back afterwards, and closes on Escape.
 */
import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

import styles from './dialog.module.css';

interface DialogProps {
  title: string;
  /* Left by Escape. It is open for as long as it is rendered. */
  onClose: () => void;
  /* The buttons, the one that goes ahead first. */
  actions: ReactNode;
  children: ReactNode;
}

export function Dialog({ title, onClose, actions, children }: DialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);

  // A layout effect: closed after it had left the page, it could not give the focus back.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);

  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby={id} onCancel={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
      <div className={styles.actions}>{actions}</div>
    </dialog>
  );
}
