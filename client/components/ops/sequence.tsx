'use client';

/*
 * The drawing of an order's path. The list beneath it says the same in words, so to a screen reader
 * this is one picture with a summary; on a narrow screen only the list is shown.
 */
import { useId, useState } from 'react';

import { classes } from '@/lib/classes';
import { layOut, type Row, type Sequence } from '@/lib/ops/sequence';
import type { Moment } from '@/lib/ops/moments';
import { count } from '@/lib/ops/words';
import tones from '../tones.module.css';
import { useExactClock } from './clock';
import styles from './sequence.module.css';

const HEAD_WIDTH = 104;

function Lanes({ lanes, top, height, stretches }: Sequence) {
  return (
    <g>
      {lanes.map(({ name, x }) => (
        <g key={name}>
          <line className={styles.lifeline} x1={x} x2={x} y1={top} y2={height - 10} />
          <rect
            className={classes(styles.head, name === 'buyer' && styles.person)}
            x={x - HEAD_WIDTH / 2}
            y={top - 34}
            width={HEAD_WIDTH}
            height={34}
            rx={name === 'buyer' ? 17 : 8}
          />
          <text className={styles.name} x={x} y={top - 12} textAnchor="middle">
            {name}
          </text>
        </g>
      ))}
      {stretches.map(({ x, y1, y2, tone }) => (
        <line
          key={`${x} ${y1}`}
          className={classes(styles.stretch, tones[tone], tone === 'none' && styles.over)}
          x1={x}
          x2={x}
          y1={y1}
          y2={y2}
        />
      ))}
    </g>
  );
}

interface StepProps {
  row: Row;
  time: string | null;
  /* It happened while the page was looked at. */
  fresh: boolean;
}

function Step({ row, time, fresh }: StepProps) {
  const { moment, y, fromX, arrows, label, mark } = row;
  return (
    <g className={classes(styles[moment.kind], fresh && styles.fresh)}>
      {time && (
        <text className={styles.time} x={0} y={y + 4}>
          {time}
        </text>
      )}
      {arrows.map(({ x1, x2 }) => {
        const back = x2 > x1 ? -1 : 1;
        return (
          <g key={x2}>
            <line className={styles.arrow} x1={x1} x2={x2 + back} y1={y} y2={y} />
            <path
              className={styles.tip}
              d={`M${x2 + 8 * back} ${y - 4.5}L${x2} ${y}l${8 * back} 4.5`}
            />
          </g>
        );
      })}
      {!mark && <circle className={styles.from} cx={fromX} cy={y} r={3.5} />}
      {mark && (
        <g className={tones[mark.tone]}>
          <rect
            className={styles.mark}
            x={mark.x - mark.width / 2}
            y={y - 12}
            width={mark.width}
            height={24}
            rx={12}
          />
          <text className={styles.status} x={mark.x} y={y + 4} textAnchor="middle">
            {mark.text}
          </text>
        </g>
      )}
      <text className={styles.label} x={label.x} y={label.y} textAnchor={label.anchor}>
        {moment.label}
        {moment.version !== null && <tspan className={styles.version}> v{moment.version}</tspan>}
      </text>
    </g>
  );
}

interface SequenceDiagramProps {
  list: Moment[];
  participants: string[];
}

export function SequenceDiagram({ list, participants }: SequenceDiagramProps) {
  const id = useId();
  const clock = useExactClock();
  const [begun] = useState(() => new Set(list.map(({ key }) => key)));
  const drawing = layOut(list, participants);
  const { width, height, lanes, rows, gaps } = drawing;
  return (
    <div className={styles.box} role="region" aria-label="The sequence as a drawing" tabIndex={0}>
      <svg
        className={styles.sequence}
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-desc`}
      >
        <title id={`${id}-title`}>The order’s path as a sequence diagram</title>
        <desc id={`${id}-desc`}>
          {`${count(list.length, 'step')} between ${lanes.map(({ name }) => name).join(', ')}, time downwards. The list after the drawing says the same in words.`}
        </desc>
        <Lanes {...drawing} />
        {gaps.map(({ y, text }) => (
          <g key={y} className={styles.gap}>
            <line x1={lanes[0]!.x - HEAD_WIDTH / 2} x2={width - 16} y1={y} y2={y} />
            <text x={0} y={y + 4}>
              {text} later
            </text>
          </g>
        ))}
        {rows.map(row => (
          <Step
            key={row.moment.key}
            row={row}
            fresh={!begun.has(row.moment.key)}
            time={row.moment.at === null ? null : clock(row.moment.at)}
          />
        ))}
      </svg>
    </div>
  );
}
