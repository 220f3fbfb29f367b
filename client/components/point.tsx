import { classes } from '@/lib/classes';
import { Icon, type IconName } from './icon';
import styles from './point.module.css';

interface PointProps {
  icon: IconName;
  title: string;
  text: string;
  level?: 'h2' | 'h3';
  accent?: boolean;
}

/* A sign, and beside it a heading and a sentence. */
export function Point({ icon, title, text, level: Heading = 'h2', accent = false }: PointProps) {
  return (
    <div className={styles.point}>
      <span className={classes(styles.sign, accent && styles.accent)}>
        <Icon name={icon} />
      </span>
      <div>
        <Heading className={styles.title}>{title}</Heading>
        <p className={styles.text}>{text}</p>
      </div>
    </div>
  );
}
