import Link from 'next/link';

import { currentUser } from '@/lib/api';
import { ButtonLink } from './button';
import { Icon } from './icon';
import { Logo } from './logo';
import { NavLink } from './nav-link';
import styles from './header.module.css';

/* The account's menu is a <details>, so that it opens without script too. */
export async function Header() {
  const user = await currentUser();
  return (
    <header className={styles.header}>
      <div className={`wrap ${styles.bar}`}>
        <Link href="/" className={styles.brand} aria-label="Ticketing, home">
          <Logo />
          <span className={styles.name}>Ticketing</span>
        </Link>
        <nav className={styles.nav} aria-label="Main">
          <NavLink href="/tickets/new">Sell</NavLink>
          {user && (
            <span className={styles.wideOnly}>
              <NavLink href="/orders">Orders</NavLink>
              <NavLink href="/listings">Listings</NavLink>
              {user.role === 'admin' && <NavLink href="/ops">Operations</NavLink>}
            </span>
          )}
        </nav>
        {user ? (
          <details className={styles.account} name="account">
            <summary>
              <span className={styles.avatar} aria-hidden="true">
                {user.email[0]?.toUpperCase()}
              </span>
              <span className="visually-hidden">Account of {user.email}</span>
            </summary>
            <div className={styles.menu}>
              <p className={styles.email}>{user.email}</p>
              <ul className={styles.items}>
                <li>
                  <Link href="/orders">
                    <Icon name="ticket" /> My orders
                  </Link>
                </li>
                <li>
                  <Link href="/listings">
                    <Icon name="pin" /> My listings
                  </Link>
                </li>
                {user.role === 'admin' && (
                  <li>
                    <Link href="/ops">
                      <Icon name="shield" /> Operations
                    </Link>
                  </li>
                )}
                <li>
                  <Link href="/auth/signout" prefetch={false}>
                    <Icon name="arrow" /> Sign out
                  </Link>
                </li>
              </ul>
            </div>
          </details>
        ) : (
          <div className={styles.doors}>
            <NavLink href="/auth/signin">Sign in</NavLink>
            <ButtonLink href="/auth/signup" small>
              Sign up
            </ButtonLink>
          </div>
        )}
      </div>
    </header>
  );
}
