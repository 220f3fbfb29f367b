import type { Metadata } from 'next';
import { redirect } from 'next/navigation';

import { AuthForm } from '@/components/auth-form';
import { currentUser } from '@/lib/api';
import { nextPath } from '@/lib/next-path';

export const metadata: Metadata = { title: 'Sign in' };

export default async function SignInPage({ searchParams }: PageProps<'/auth/signin'>) {
  const next = nextPath((await searchParams).next);
  if (await currentUser()) redirect(next);
  return <AuthForm kind="signin" next={next} />;
}
