import { Button } from '@/components/button';
import { Dialog } from '@/components/dialog';
import { Money, useMoney } from '@/components/money';
import styles from './box.module.css';

interface PriceChangedProps {
  seen: number;
  current: number;
  busy: boolean;
  onAgree: () => void;
  onLeave: () => void;
}

/* The seller raised the price after the buyer had read it: nobody pays more than they agreed to. */
export function PriceChanged({ seen, current, busy, onAgree, onLeave }: PriceChangedProps) {
  const money = useMoney();
  return (
    <Dialog
      title="The price has changed"
      onClose={onLeave}
      actions={
        <>
          <Button busy={busy} onClick={onAgree}>
            Buy for {money(current)}
          </Button>
          <Button look="secondary" onClick={onLeave}>
            Leave it
          </Button>
        </>
      }
    >
      <p>The seller raised the price while you were looking. Nothing was ordered.</p>
      <dl className={styles.prices}>
        <div>
          <dt>You saw</dt>
          <dd>
            <Money amount={seen} />
          </dd>
        </div>
        <div>
          <dt>It costs now</dt>
          <dd>
            <Money amount={current} />
          </dd>
        </div>
      </dl>
    </Dialog>
  );
}
