/*
 * What posters show: motifs of the stage and the open air, on a field of 240 × 150. The middle third
 * has to be a picture too, because a tall stub shows no more than that.
 *
 * Numbers are rounded before they are drawn: engines differ in the last digit of a sine, and what
 * the server drew has to be what the browser draws.
 */
import type { ReactNode } from 'react';

interface Colours {
  ground: string;
  shape: string;
  shade: string;
  light: string;
}

type Motif = (colours: Colours, random: () => number) => ReactNode;

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/* The point at `radius` around (x, y); `turn` in whole turns. */
function around(x: number, y: number, radius: number, turn: number): string {
  const angle = turn * 2 * Math.PI;
  return `${round(x + radius * Math.cos(angle))} ${round(y + radius * Math.sin(angle))}`;
}

/* Sound from a corner. */
const arcs: Motif = ({ shape, shade, light }, random) => {
  const x = round(70 + random() * 100);
  const y = random() < 0.5 ? 150 : 0;
  return [132, 108, 84, 60, 36, 14].map((radius, i) => (
    <circle key={radius} cx={x} cy={y} r={radius} fill={[shade, shape, light][i % 3]} />
  ));
};

/* Spotlights that cross above a stage. */
const beams: Motif = ({ shape, shade, light }, random) => {
  const lean = random() * 30 - 15;
  const lamp = (from: number, to: number, fill: string) => (
    <path
      key={from}
      d={`M${from} -12 L${round(to + lean - 40)} 150 H${round(to + lean + 40)} Z`}
      fill={fill}
      opacity={0.82}
    />
  );
  return (
    <>
      {lamp(30, 96, shade)}
      {lamp(210, 140, shade)}
      {lamp(120, 118, shape)}
      <ellipse cx={round(119 + lean)} cy={148} rx={112} ry={17} fill={light} />
      <circle cx={round(118 + lean)} cy={118} r={13} fill={light} />
    </>
  );
};

/* Rows of seats, one of them free. */
const seats: Motif = ({ shape, shade, light }, random) => {
  const free = 10 + Math.floor(random() * 4);
  return Array.from({ length: 32 }, (_, i) => {
    const row = Math.floor(i / 8);
    const x = (i % 8) * 31 - 4 + (row % 2 ? 15.5 : 0) - 8;
    return (
      <path
        key={i}
        d={`M${x} ${34 + row * 38}h25v-16a12.5 12.5 0 0 0-25 0z`}
        fill={i === free ? light : row % 2 ? shape : shade}
      />
    );
  });
};

/* How loud it was, from beginning to end. */
const bars: Motif = ({ shape, shade, light }, random) => {
  const pace = 0.35 + random() * 0.4;
  const from = random() * 6;
  return Array.from({ length: 17 }, (_, i) => {
    const height = 18 + Math.abs(Math.sin(i * pace + from)) * 70 + random() * 34;
    return (
      <rect
        key={i}
        x={4 + i * 13.75}
        y={round((150 - height) / 2)}
        width={8}
        height={round(height)}
        rx={4}
        fill={i % 5 === 2 ? light : i % 2 ? shape : shade}
      />
    );
  });
};

/* Hills and a sun. */
const hills: Motif = ({ shape, shade, light }, random) => {
  const x = round(85 + random() * 70);
  const lift = round(random() * 14);
  return (
    <>
      <circle cx={x} cy={56} r={31} fill={light} />
      <path d={`M-10 ${104 - lift} Q50 58 118 100 T260 ${82 + lift} V160 H-10Z`} fill={shade} />
      <path d={`M-10 ${124 + lift} Q84 72 150 122 T260 112 V160 H-10Z`} fill={shape} />
    </>
  );
};

/* Rays from a low sun. */
const rays: Motif = ({ shape, shade, light }, random) => {
  const x = round(90 + random() * 60);
  const y = 128;
  const count = 22;
  return (
    <>
      {Array.from({ length: count / 2 }, (_, i) => (
        <path
          key={i}
          d={`M${x} ${y} L${around(x, y, 280, (2 * i) / count)} L${around(x, y, 280, (2 * i + 1) / count)} Z`}
          fill={i % 2 ? shade : shape}
        />
      ))}
      <circle cx={x} cy={y} r={46} fill={light} />
      <circle cx={x} cy={y} r={28} fill={shape} />
    </>
  );
};

/* Quarter circles, laid as they fall. */
const tiles: Motif = ({ shape, shade, light }, random) =>
  Array.from({ length: 40 }, (_, i) => {
    const x = (i % 8) * 30;
    const y = Math.floor(i / 8) * 30;
    const corner = Math.floor(random() * 4);
    const [cx, cy] = [x + (corner % 2) * 30, y + (corner > 1 ? 30 : 0)];
    const [tx, ty] = [corner % 2 ? -30 : 30, corner > 1 ? -30 : 30];
    const sweep = tx * ty > 0 ? 1 : 0;
    const roll = random();
    const fill = roll < 0.5 ? shape : roll < 0.85 ? shade : light;
    return (
      <path
        key={i}
        d={`M${cx} ${cy}h${tx}A30 30 0 0 ${sweep} ${cx} ${cy + ty}Z`}
        fill={fill}
        stroke={fill}
        strokeWidth={0.6}
      />
    );
  });

/* A disc that turns. */
const disc: Motif = ({ ground, shape, shade, light }, random) => {
  const x = round(96 + random() * 48);
  const turn = random();
  return (
    <>
      <circle cx={x} cy={75} r={64} fill={shade} />
      {[54, 46, 38].map(radius => (
        <circle key={radius} cx={x} cy={75} r={radius} fill="none" stroke={ground} opacity={0.5} />
      ))}
      <path
        d={`M${x} 75 L${around(x, 75, 64, turn)} A64 64 0 0 1 ${around(x, 75, 64, turn + 0.13)} Z`}
        fill={light}
        opacity={0.35}
      />
      <circle cx={x} cy={75} r={25} fill={shape} />
      <circle cx={x} cy={75} r={5} fill={light} />
    </>
  );
};

export const MOTIFS = [arcs, beams, seats, bars, hills, rays, tiles, disc];
