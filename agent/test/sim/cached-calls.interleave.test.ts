/** Every schedule of calls between caches that are not coherent, and all that stores, lines and prefetchers may do meanwhile. Says how much that is. */
import { describe, expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';
import { type CachedScene, searchCachedCalls } from './cached-calls.ts';
import { ways } from './sharing-checks.ts';

const isDeep = process.env.CXLPOD_DEEP === '1';
const limitMs = 1_800_000;
const layouts = { hardened: constants.LAYOUT_HARDENED, faithful: constants.LAYOUT_FAITHFUL } as const;

interface Extent {
  readonly layout: keyof typeof layouts;
  readonly calls: number;
  readonly polls: number;
}

const extents: readonly Extent[] = [
  { layout: 'hardened', calls: 2, polls: 1 },
  ...(isDeep
    ? ([
        { layout: 'hardened', calls: 1, polls: 2 },
        { layout: 'hardened', calls: 3, polls: 1 },
        { layout: 'faithful', calls: 2, polls: 1 },
      ] satisfies Extent[])
    : []),
];

const scenes = extents.flatMap((extent) => ways.map(({ name, sharing }) => ({ ...extent, name, sharing })));

function sceneOf({ sharing, layout, calls, polls }: Extent & { readonly sharing: number }): CachedScene {
  return { sharing, layout: layouts[layout], calls, polls, payloadBytes: 8 };
}

describe('whatever caches do', () => {
  test.each(scenes)(
    '$calls calls shared as $name come back, each executed once ($layout layout, $polls looks)',
    (of) => {
      const { problems, states, schedules, ends } = searchCachedCalls(sceneOf(of), { schedules: 20_000_000 });

      expect(problems).toEqual([]);
      expect(states).toBeGreaterThan(1_000);
      console.log(
        `${of.name}, ${of.layout}, ${of.calls} calls, ${of.polls} looks: ${states} states, ${schedules} schedules, ${ends} ends`,
      );
    },
    limitMs,
  );
});

describe('the search notices', () => {
  const nonTemporal = { layout: 'hardened', sharing: constants.SHARING_NON_TEMPORAL } as const;
  const byLines = { layout: 'hardened', sharing: constants.SHARING_LINES } as const;
  test.each([
    { mistake: 'a message whose lines are not dropped', mutant: 325, ...byLines },
    { mistake: 'a message that is read before its lines are dropped', mutant: 326, ...byLines },
    { mistake: 'the same by lines of entries', mutant: 326, layout: 'hardened', sharing: constants.SHARING_FAST } as const,
    { mistake: 'the same in the faithful layout', mutant: 346, layout: 'faithful', sharing: constants.SHARING_LINES } as const,
    { mistake: 'an entry past the caches that does not wait for its message', mutant: 361, ...nonTemporal },
    { mistake: 'an answer past the caches that is published before it is written', mutant: 11, ...nonTemporal },
    { mistake: 'a request past the caches that is published before it is written', mutant: 12, ...nonTemporal },
  ])('$mistake', ({ mutant, layout, sharing }) => {
    expect(searchCachedCalls({ ...sceneOf({ layout, sharing, calls: 1, polls: 1 }), mutant }).problems).not.toEqual([]);
  });
});
