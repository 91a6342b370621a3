/** Every way in which a machine can go down while a scene is played, as far as deaths and seeds reach. */

import { isFlush } from '../../memory-profile.ts';
import { inTime, sampled } from '../deaths.ts';
import type { Scene } from '../operations.ts';
import {
  act,
  aftermath,
  atHome,
  begin,
  brokenPromises,
  buryUntil,
  type CacheStage,
  cacheStage,
  learnOutcomes,
  loseVictim,
  momentsOf,
  type Places,
  split,
  type Telling,
  together,
} from './power-off.ts';

export interface Plot {
  readonly title: string;
  readonly places: Places;
  /** The victim's end, at the access that was drawn. */
  readonly end: 'power-off' | 'kill';
  /** Whether its recoverer's machine goes too, at any access of the recovery or after it. */
  readonly losesRecoverer: boolean;
}

export const plots = {
  split: { title: 'its machine loses its power', places: split, end: 'power-off', losesRecoverer: false },
  together: {
    title: 'its machine loses its power, with everybody else on it',
    places: together,
    end: 'power-off',
    losesRecoverer: false,
  },
  recoverer: {
    title: 'its machine loses its power, then that of its recoverer',
    places: split,
    end: 'power-off',
    losesRecoverer: true,
  },
  atHome: {
    title: 'it is killed, recovered on its own machine, and that goes',
    places: atHome,
    end: 'kill',
    losesRecoverer: true,
  },
  killed: { title: 'it is killed', places: split, end: 'kill', losesRecoverer: false },
} as const satisfies Readonly<Record<string, Plot>>;

export interface Extent {
  readonly seed: number;
  /** Deaths of the victim, moments of the recovery, at most. */
  readonly deaths: number;
  readonly recoveries: number;
  /** Runs of each, with what is left to chance drawn anew. */
  readonly rounds: number;
  /** Only deaths just before a flush or a fence, and moments early in the recovery: what a missing flush of the recoverer needs. */
  readonly atFlushes?: boolean;
  /** Tried before all others. */
  readonly first?: Run | undefined;
}

/** A run, to be played again. `second`: a moment of the recovery; -1 when its machine stays. */
export interface Run {
  readonly death: number;
  readonly second: number;
  readonly seed: number;
}

export interface Sweep {
  readonly runs: number;
  /** Of the first run in which something was wrong. */
  readonly problems: readonly string[];
  readonly found?: Run;
}

export function stageFor(scene: Scene, plot: Plot, options: Parameters<typeof cacheStage>[2] = {}): CacheStage {
  return cacheStage(scene, plot.places, options);
}

/** There are some hundred sweeps of all deaths: a deep test takes as many of each as fit into this. */
const deepMs = 8_000;

export function sweep(scene: Scene, plot: Plot, extent: Extent, options: Parameters<typeof cacheStage>[2] = {}): Sweep {
  const stage = stageFor(scene, plot, options);
  // What it finds in the heap is enough; what was promised is looked at only when that is whole.
  const { first } = extent;
  let problems = first === undefined ? [] : oneRun(stage, plot, first);
  if (problems.length === 0) {
    learnOutcomes(stage);
    if (first !== undefined) problems = oneRun(stage, plot, first);
  }
  if (first !== undefined && problems.length > 0) return { runs: 1, problems, found: first };
  begin(stage, 1);
  const only = extent.atFlushes === true ? isFlush : undefined;
  const moments = [...momentsOf(stage.cast.victim, () => act(stage, 0), only), 0];
  let runs = 0;
  const drawn = sampled(moments, extent.deaths, extent.seed);
  for (const death of extent.deaths === Number.POSITIVE_INFINITY ? inTime(drawn, extent.seed, deepMs) : drawn) {
    for (let round = 0; round < extent.rounds; round++) {
      const seed = extent.seed * 7919 + death * 31 + round;
      for (const second of plot.losesRecoverer ? secondsOf(stage, plot, death, seed, extent) : [-1]) {
        runs++;
        const found = { death, second, seed };
        const problems = oneRun(stage, plot, found);
        if (problems.length === 0) continue;
        const where = second < 0 ? '' : `, its recoverer's machine at ${second}`;
        return { runs, problems: problems.map((problem) => `dead at ${death}${where}, seed ${seed}: ${problem}`), found };
      }
    }
  }
  return { runs, problems: [] };
}

function end(stage: CacheStage, plot: Plot): void {
  if (plot.end === 'kill') stage.cast.victim.kill();
  else loseVictim(stage);
}

/** Accesses of a recovery in which it decides by what it found. */
const earlyMoments = 60;

function secondsOf(stage: CacheStage, plot: Plot, death: number, seed: number, extent: Extent): readonly number[] {
  begin(stage, seed);
  act(stage, death);
  end(stage, plot);
  const moments = momentsOf(stage.undertaker, () => buryUntil(stage.undertaker, 0));
  const drawn = extent.atFlushes === true ? moments.slice(0, earlyMoments) : moments;
  return [...sampled(drawn, extent.recoveries, seed), 0];
}

/** What was wrong after it. An invariant of the core that breaks is something wrong. */
export function oneRun(
  stage: CacheStage,
  plot: Plot,
  { death, second, seed }: Run,
  telling: Telling = seed % 2 === 0 ? 'at once' : 'some time',
): readonly string[] {
  const { cast, places, undertaker, heir } = stage;
  try {
    begin(stage, seed);
    const returned = act(stage, death, telling);
    end(stage, plot);
    buryUntil(undertaker, Math.max(0, second));
    if (second >= 0) {
      cast.world.crashMachine(places.undertaker);
      buryUntil(heir, 0);
    }
    const broken = brokenPromises(stage, returned, telling);
    return broken.length > 0 ? broken : aftermath(stage);
  } catch (error) {
    const { message } = error as Error;
    if (/invariant|answered|an offset was expected|outside|Offset|did not end/.test(message)) return [message];
    throw error;
  }
}
