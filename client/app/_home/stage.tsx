import { Poster } from '@/components/poster';
import { classes } from '@/lib/classes';
import type { Search } from '@/lib/search';
import { SearchForm } from './search-form';
import styles from './stage.module.css';

/* Events that never were, chosen for how their posters look beside each other. */
const POSTERS = ['Open Courts Final', 'The Paper Lanterns', 'Harbour Lights Festival'];

/* The head of the home page: what this is, and the search. Once something is searched for, it makes
 * room for what was found. */
export function Stage({ search }: { search: Search }) {
  const found = search.q !== '' || search.after !== '';
  return (
    <div className={classes(styles.stage, found && styles.low)}>
      <div className={`wrap ${styles.inner}`}>
        <div className={styles.words}>
          <h1>The seat someone else can’t use.</h1>
          <p className={styles.promise}>
            Buy it from whoever can’t go. We hold it for you for 15 minutes while you pay: no
            ticket, no charge.
          </p>
          <SearchForm q={search.q} sort={search.sort} />
        </div>
        <div className={styles.art} aria-hidden="true">
          {POSTERS.map(name => (
            <span key={name} className={styles.stub}>
              <Poster name={name} className={styles.poster} />
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
