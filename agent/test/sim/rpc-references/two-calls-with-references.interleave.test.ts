/** Every schedule of two calls with references in both directions, and every moment at which a side may die in them. Says how much that is. */
import { describe, expect, test } from 'vitest';
import { type Scene, searchCallsWithReferences } from './two-calls-with-references.ts';

const limitMs = 600_000;

const isDeep = process.env.CXLPOD_DEEP === '1';

const scenes: readonly Scene[] = [
  {},
  { outOfOrder: true },
  { dies: 'caller' },
  { dies: 'server' },
  { dies: 'server', outOfOrder: true },
  ...(isDeep ? ([{ dies: 'caller', outOfOrder: true }, { dies: 'both' }, { dies: 'both', outOfOrder: true }] as const) : []),
];

describe('in every schedule', () => {
  test.each(scenes)(
    'two calls bring their own references there and back, and nothing is left: %o',
    (scene) => {
      const { problems, states, schedules, ends, outcomes } = searchCallsWithReferences(scene);
      expect(problems).toEqual([]);
      expect(states).toBeGreaterThan(100);
      expect([...outcomes]).toEqual(expect.arrayContaining(['executed 1,1, ended 1,1', 'executed 0,0, ended 0,0']));
      console.log(
        `${JSON.stringify(scene)}: ${states} states, ${schedules} schedules, ${ends} ends: ${[...outcomes].join('; ')}`,
      );
    },
    limitMs,
  );
});

describe('the search notices', () => {
  test.each<Scene>([
    { mistake: 'sends before the reference is there' },
    { mistake: 'answers before the reference is there' },
    { mistake: 'keeps what came with a request' },
  ])('who $mistake', (scene) => {
    expect(searchCallsWithReferences(scene).problems).not.toEqual([]);
  });
});
