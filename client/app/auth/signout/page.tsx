import type { Metadata } from 'next';

import { SignOut } from './sign-out';

export const metadata: Metadata = { title: 'Sign out' };

export default function SignOutPage() {
  return (
    <div className="wrap narrow stack">
      <SignOut />
    </div>
  );
}
