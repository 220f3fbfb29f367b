/* What the page remembers while it watches: the overview, the one before it, and the samples. */
import { remember, type Sample } from './rates';
import type { Overview } from './types';

export interface Watch {
  now: Overview | null;
  before: Overview | null;
  samples: Sample[];
}

export function watched(watch: Watch, overview: Overview): Watch {
  return { now: overview, before: watch.now, samples: remember(watch.samples, overview) };
}

export function begin(overview: Overview | null): Watch {
  const nothing: Watch = { now: null, before: null, samples: [] };
  return overview ? watched(nothing, overview) : nothing;
}
