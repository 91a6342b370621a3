/** Every schedule of two or three calls in a window of two, and every moment at which a side, or both, may die. Says how much that is. */
import { describe, expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';
import { type Scene, searchBatch, searchCalls } from './two-calls.ts';

const isDeep = process.env.CXLPOD_DEEP === '1';
const faithful = constants.LAYOUT_FAITHFUL;
/** The next but one call has sequence 0 again. */
const beforeTheWrap = 2 ** 15 - 2;

const scenes: readonly Scene[] = [
  { calls: 2, answers: 'in order', dies: [] },
  { calls: 2, answers: 'out of order', dies: [], layout: faithful },
  { calls: 3, answers: 'out of order', dies: [], resends: true },
  { calls: 3, answers: 'out of order', dies: [], abandons: true },
  { calls: 3, answers: 'out of order', dies: [], abandons: true, cancels: true },
  { calls: 3, answers: 'in order', dies: [], abandons: true, cancels: true, startsAt: beforeTheWrap },
  { calls: 2, answers: 'in order', dies: ['server'], abandons: true, cancels: true },
  { calls: 2, answers: 'out of order', dies: ['caller'], abandons: true, cancels: true },
  { calls: 3, answers: 'in order', dies: [], startsAt: beforeTheWrap },
  { calls: 3, answers: 'in order', dies: [], startsAt: 2 ** 32 - 2 },
  { calls: 2, answers: 'in order', dies: ['server'] },
  { calls: 2, answers: 'out of order', dies: ['server'], resends: true },
  { calls: 3, answers: 'out of order', dies: ['server'], startsAt: beforeTheWrap },
  { calls: 2, answers: 'in order', dies: ['caller'] },
  { calls: 3, answers: 'out of order', dies: ['caller'], resends: true },
  { calls: 2, answers: 'out of order', dies: ['server', 'caller'] },
  ...(isDeep
    ? ([
        { calls: 3, answers: 'out of order', dies: ['server', 'caller'], resends: true },
        { calls: 3, answers: 'in order', dies: ['server', 'caller'], layout: faithful },
      ] satisfies Scene[])
    : []),
];

const limitMs = 600_000;

/** What a caller is told of the calls, by who is dead; as in docs/rpc.md. */
const ends = {
  nobody: /^nobody dead: (sent, executed 1, ended (0|undefined)|not sent, executed 0, ended undefined)(; |$)/,
  server: /^server dead: (sent, executed [01], ended 5|sent, executed 1, ended 0|not sent, executed 0, ended undefined)(; |$)/,
};

describe('in every schedule', () => {
  test.each(scenes)(
    '$calls calls are executed once at most and end once, answered $answers, dead: $dies ($resends, $abandons, $cancels, $layout, $startsAt)',
    (scene) => {
      const { problems, states, schedules, ends: count, outcomes } = searchCalls(scene);

      expect(problems).toEqual([]);
      expect(states).toBeGreaterThan(100);
      for (const outcome of outcomes) {
        if (outcome.startsWith('nobody') && !scene.cancels) expect(outcome).toMatch(ends.nobody);
        if (outcome.startsWith('server dead') && !scene.cancels) expect(outcome).toMatch(ends.server);
      }
      if (scene.cancels) {
        // Before it was taken, and after.
        for (const executed of [0, 1])
          expect([...outcomes].some((outcome) => outcome.includes(`dead: sent, executed ${executed}`))).toBe(true);
      }
      for (const side of scene.dies) expect([...outcomes].some((outcome) => outcome.startsWith(`${side} dead`))).toBe(true);
      console.log(`${JSON.stringify(scene)}: ${states} states, ${schedules} schedules, ${count} ends, ${outcomes.size} outcomes`);
    },
    limitMs,
  );

  test.each([false, true])(
    'a batch brings back what it sent; its server dies: %s',
    (serverDies) => {
      const { problems, states, schedules, ends: count } = searchBatch({ serverDies });

      expect(problems).toEqual([]);
      console.log(`batch, server dies ${serverDies}: ${states} states, ${schedules} schedules, ${count} ends`);
    },
    limitMs,
  );
});

describe('the search notices', () => {
  test.each<Scene & { readonly mistake: string }>([
    { mistake: 'entries without phase', mutant: 6, calls: 2, answers: 'out of order', dies: [] },
    { mistake: 'a caller that sends into a slot in use', mutant: 10, calls: 3, answers: 'out of order', dies: [] },
    {
      mistake: 'a slot that is free before its call ended',
      mutant: 15,
      calls: 3,
      answers: 'out of order',
      dies: [],
      abandons: true,
    },
    { mistake: 'a sequence that carries', mutant: 349, calls: 3, answers: 'in order', dies: [], startsAt: beforeTheWrap },
  ])('$mistake', (scene) => {
    expect(searchCalls(scene).problems).not.toEqual([]);
  });

  test.each([
    { mistake: 'an answer that is published before it is written', mutant: 11 },
    { mistake: 'a request that is published before it is written', mutant: 12 },
  ])('$mistake', ({ mutant }) => {
    expect(searchBatch({ mutant, serverDies: false }).problems).not.toEqual([]);
  });
});
