/*
 * A picture for an event that has none: drawn from its name alone, so the same event looks the same
 * everywhere and at every visit. Decoration: it says nothing that the text beside it does not.
 */
import { MOTIFS } from './poster-motifs';

/* FNV-1a, 32 bit (Fowler, Noll, Vo). */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/* Numbers in 0..1 that follow from `seed` (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/* Ground, shape, its shade, light. */
const PALETTES = [
  ['#1d2440', '#e4572e', '#9c3a35', '#f7c59f'],
  ['#123c3a', '#f2b134', '#2f6f5e', '#f6efe0'],
  ['#3b1130', '#f26a8d', '#8a2f5c', '#ffd6c9'],
  ['#0f3057', '#5cc8d7', '#26638f', '#f4f1de'],
  ['#43230f', '#f58a3c', '#9a4a1b', '#ffe3b3'],
  ['#1f3d1c', '#9cc53b', '#4c7a2a', '#f3f7da'],
  ['#2a1a5e', '#b388ff', '#5b3fa8', '#fbe7a1'],
  ['#50121a', '#f4a259', '#a23a37', '#f9ead2'],
  ['#e9dfcb', '#c8452d', '#e0a34a', '#22335c'],
  ['#f3c7b1', '#1f5f6b', '#e07a5f', '#fdf6ea'],
] as const;

export function Poster({ name, className }: { name: string; className?: string | undefined }) {
  const h = hash(name);
  const [ground, shape, shade, light] = PALETTES[h % PALETTES.length]!;
  const motif = MOTIFS[(h >>> 8) % MOTIFS.length]!;
  return (
    <svg
      className={className}
      viewBox="0 0 240 150"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      <rect width="240" height="150" fill={ground} />
      {motif({ ground, shape, shade, light }, dice(h))}
    </svg>
  );
}
