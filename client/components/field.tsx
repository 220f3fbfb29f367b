import { useId, type ComponentProps, type ReactNode } from 'react';

import { classes } from '@/lib/classes';
import { Icon } from './icon';
import styles from './field.module.css';

interface FieldProps extends Omit<ComponentProps<'input'>, 'id' | 'className'> {
  label: string;
  hint?: ReactNode;
  /* What is wrong with what was entered, as the API says it. */
  error?: string | undefined;
  /* Shown within the frame, before the text: a currency's sign. */
  before?: string;
}

/* A labelled input; its hint and its error are read out with it. */
export function Field({ label, hint, error, before, ...input }: FieldProps) {
  const id = useId();
  const described = classes(hint ? `${id}-hint` : undefined, error ? `${id}-error` : undefined);
  return (
    <div className={classes(styles.field, error !== undefined && styles.wrong)}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      {hint && (
        <p className={styles.hint} id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <div className={classes(styles.frame, styles.control)}>
        {before && (
          <span className={styles.before} aria-hidden="true">
            {before}
          </span>
        )}
        <input
          {...input}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={described || undefined}
        />
      </div>
      {error && (
        <p className={styles.error} id={`${id}-error`}>
          <Icon name="alert" size={18} />
          {error}
        </p>
      )}
    </div>
  );
}
