import type { Metadata, Viewport } from 'next';
import { cookies, headers } from 'next/headers';
import type { ReactNode } from 'react';

import { Footer } from '@/components/footer';
import { Header } from '@/components/header';
import { LocaleProvider } from '@/components/locale';
import { SessionKeeper } from '@/components/session-keeper';
import { currentUser } from '@/lib/api';
import { readerLanguage } from '@/lib/language';
import { RETURNING_COOKIE } from '@/lib/session-cookie';
import './globals.css';

export const metadata: Metadata = {
  title: { default: 'Ticketing: tickets that change hands', template: '%s · Ticketing' },
  description:
    'Buy tickets from people who cannot go, and sell yours. A ticket you order is held for you while you pay.',
};

export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#f7f5f1' },
    { media: '(prefers-color-scheme: dark)', color: '#0e1014' },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const language = readerLanguage((await headers()).get('accept-language'));
  const user = await currentUser();
  return (
    <html lang="en">
      <body>
        <a className="skip-link" href="#main">
          Skip to the content
        </a>
        <LocaleProvider language={language} currency={process.env.CURRENCY || 'USD'}>
          <Header />
          <main id="main" tabIndex={-1}>
            {children}
          </main>
          <Footer />
          <SessionKeeper
            session={user ? { id: user.id, halfAt: (user.iat + user.exp) * 500 } : null}
            returning={!user && (await cookies()).has(RETURNING_COOKIE)}
          />
        </LocaleProvider>
      </body>
    </html>
  );
}
