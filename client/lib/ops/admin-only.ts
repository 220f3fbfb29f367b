import 'server-only';

import { notFound, redirect } from 'next/navigation';

import { currentUser } from '../api';

/* Lets admins on. Who is not signed in may be one, and is asked to; to everybody else there is no
 * such page. The API checks again: this only decides what is shown. */
export async function adminOnly(path: string): Promise<void> {
  const user = await currentUser();
  if (!user) redirect(`/auth/signin?next=${encodeURIComponent(path)}`);
  if (user.role !== 'admin') notFound();
}
