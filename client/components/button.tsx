import Link from 'next/link';
import type { ComponentProps, ReactNode } from 'react';

import { classes } from '@/lib/classes';
import styles from './button.module.css';

interface Look {
  look?: 'primary' | 'secondary' | 'plain' | 'danger';
  wide?: boolean;
  small?: boolean;
  children: ReactNode;
}

function className({ look = 'primary', wide, small }: Look): string {
  return classes(styles.button, styles[look], wide && styles.wide, small && styles.small);
}

type ButtonProps = Look & { busy?: boolean } & Omit<ComponentProps<'button'>, 'className'>;

/* While `busy` it keeps its place and its focus, shows so, and does nothing when it is pressed. */
export function Button({ look, wide, small, busy = false, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={className({ look, wide, small, children } as Look)}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? event => event.preventDefault() : rest.onClick}
    >
      {busy && <span className={styles.spinner} aria-hidden="true" />}
      {children}
    </button>
  );
}

type ButtonLinkProps = Look & { busy?: boolean } & Omit<ComponentProps<typeof Link>, 'className'>;

/* A link that looks like a button: it goes somewhere and changes nothing. */
export function ButtonLink({ look, wide, small, busy, children, ...rest }: ButtonLinkProps) {
  return (
    <Link
      {...rest}
      className={className({ look, wide, small, children } as Look)}
      aria-busy={busy || undefined}
    >
      {busy && <span className={styles.spinner} aria-hidden="true" />}
      {children}
    </Link>
  );
}
