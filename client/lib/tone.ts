/* What news means to its reader; components/tones.module.css has the colours. */
export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'none';
