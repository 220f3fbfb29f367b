import { Icon } from '@/components/icon';
import styles from './box.module.css';

/* For everybody but the one who holds it: why it cannot be bought, and why to wait. */
export function OnHold({ justNow = false }: { justNow?: boolean }) {
  return (
    <div className={styles.hold}>
      <h2>
        <Icon name="clock" />
        {justNow ? 'Somebody was a moment quicker' : 'On hold for another buyer'}
      </h2>
      <p>
        If it isn’t paid for within 15 minutes, it comes back. You can stay: this page tells you.
      </p>
    </div>
  );
}
