import { Icon } from './icon';
import styles from './footer.module.css';

export function Footer() {
  return (
    <footer className={styles.footer}>
      <div className={`wrap ${styles.row}`}>
        <ul className={styles.promises}>
          <li>
            <Icon name="lock" /> A ticket you order is held for you alone.
          </li>
          <li>
            <Icon name="shield" /> No ticket, no charge.
          </li>
          <li>
            <Icon name="ticket" /> No ticket is sold twice.
          </li>
        </ul>
        <p className={styles.small}>Ticketing, a marketplace for tickets that change hands.</p>
      </div>
    </footer>
  );
}
