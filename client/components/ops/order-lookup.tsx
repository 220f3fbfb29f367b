import Form from 'next/form';

import { Button } from '../button';
import { Field } from '../field';
import styles from './order-lookup.module.css';

/* Asks for an order's id. A plain form, so it works before (and without) any script of ours. */
export function OrderLookup({ entered = null }: { entered?: string | null }) {
  return (
    <Form action="/ops/orders" className={styles.form} noValidate>
      <Field
        label="Order id"
        hint="Who told whom what, and when."
        name="id"
        placeholder="24 hexadecimal digits"
        autoComplete="off"
        spellCheck={false}
        defaultValue={entered ?? ''}
        error={
          entered === null ? undefined : 'That is no order’s id: it has 24 hexadecimal digits.'
        }
        required
      />
      <Button type="submit" look="secondary">
        Show
      </Button>
    </Form>
  );
}
