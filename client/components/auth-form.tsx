'use client';

/* Sign in and sign up: the same two fields, another question. */
import Link from 'next/link';
import { useRef, useState, type FormEvent } from 'react';

import { ask, byField } from '@/lib/browser';
import { Button } from './button';
import { Field } from './field';
import { Notice } from './notice';
import styles from './auth-form.module.css';

const TEXTS = {
  signin: {
    title: 'Sign in',
    button: 'Sign in',
    password: 'current-password',
    other: 'New here?',
    otherLink: 'Create an account',
    otherPath: '/auth/signup',
  },
  signup: {
    title: 'Create your account',
    button: 'Sign up',
    password: 'new-password',
    other: 'Already have an account?',
    otherLink: 'Sign in',
    otherPath: '/auth/signin',
  },
} as const;

interface AuthFormProps {
  kind: 'signin' | 'signup';
  /* Where to go then: a local path. */
  next: string;
}

export function AuthForm({ kind, next }: AuthFormProps) {
  const texts = TEXTS[kind];
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const entered = new FormData(event.currentTarget);
    setBusy(true);
    setErrors({});
    const reply = await ask(`/api/users/${kind}`, {
      method: 'POST',
      body: { email: entered.get('email'), password: entered.get('password') },
    });
    if (reply.ok) {
      // A whole new page, because everything on the old one was drawn for somebody else.
      window.location.assign(next);
      return;
    }
    setBusy(false);
    const wrong = byField(reply.errors, ['email', 'password']);
    setErrors(wrong);
    form.current
      ?.querySelector<HTMLInputElement>(wrong.email ? '[name=email]' : '[name=password]')
      ?.focus();
  };

  return (
    <div className={`wrap narrow ${styles.page}`}>
      <h1>{texts.title}</h1>
      <form ref={form} className={styles.card} onSubmit={event => void submit(event)} noValidate>
        {errors[''] && <Notice tone="bad" title={errors['']} live />}
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="email"
          inputMode="email"
          error={errors.email}
          required
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={texts.password}
          hint={kind === 'signup' ? '8 characters or more.' : undefined}
          error={errors.password}
          required
        />
        <Button type="submit" wide busy={busy}>
          {texts.button}
        </Button>
      </form>
      <p className="quiet">
        {texts.other}{' '}
        <Link
          href={
            next === '/' ? texts.otherPath : `${texts.otherPath}?next=${encodeURIComponent(next)}`
          }
        >
          {texts.otherLink}
        </Link>
      </p>
    </div>
  );
}
