import type { Metadata } from 'next';
import { redirect } from 'next/navigation';

import { AuthForm } from '@/components/auth-form';
import { currentUser } from '@/lib/api';
import { nextPath } from '@/lib/next-path';

export const metadata: Metadata = { title: 'Sign up' };

export default async function SignUpPage({ searchParams }: PageProps<'/auth/signup'>) {
  const next = nextPath((await searchParams).next);
  if (await currentUser()) redirect(next);
  return <AuthForm kind="signup" next={next} />;
}
