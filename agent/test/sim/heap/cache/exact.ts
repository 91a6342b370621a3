/**
 * One operation, its machine's power lost before every access of it, and every outcome that the caches allow: which stores and flushes
 * had left the buffer, and which version of each line was on the device.
 */

import { codes } from '../../../../src/layout/index.ts';
import type { CoreExports } from '../../../../src/pool/core.ts';
import { Choices } from '../../memory/choices.ts';
import { expectCode, root } from '../heap-world.ts';
import type { Scene } from '../operations.ts';
import { type Cast, setName, share } from '../operations.ts';
import { act, begin, learnOutcomes, momentsOf, type Telling } from './power-off.ts';
import { oneRun, plots, type Sweep, stageFor } from './sweep.ts';

export function exploreAll(scene: Scene, options: { readonly mutant?: number; readonly flushPolicy: number }): Sweep {
  const choices = new Choices();
  const stage = stageFor(scene, plots.split, { ...options, settles: true, writeBack: { choose: choices.choose } });
  learnOutcomes(stage);
  begin(stage, 1);
  const moments = [...momentsOf(stage.cast.victim, () => act(stage, 0)), 0];
  let runs = 0;
  for (const death of moments) {
    for (const telling of ['at once', 'some time'] as const satisfies readonly Telling[]) {
      const problems = choices.forEvery(() => oneRun(stage, plots.split, { death, second: -1, seed: 1 }, telling), 200_000);
      runs += choices.runs;
      if (problems.length > 0) return { runs, problems: [`dead at ${death}: ${problems[0]}`] };
    }
  }
  return { runs, problems: [] };
}

const alloc = (core: CoreExports, sizeBytes: number, references = 0): number => root(core.shmAlloc(sizeBytes, references));

/** What the bystander and the victim both hold: an object with references, and two others. */
function family({ victim, bystander }: Cast) {
  const { core } = victim;
  const parent = alloc(core, 0, 2);
  const child = alloc(core, 16);
  const second = alloc(core, 16);
  expectCode('attach', core.shmAttach(parent, 0, child));
  // So that the second attach finds eras that are used.
  expectCode('attach', core.shmAttach(parent, 1, second));
  expectCode('detach', core.shmDetach(parent, 1));
  const theirs = share(victim, parent, bystander);
  return { parent, child, second, theirs };
}

function one(title: string, run: (core: CoreExports, has: ReturnType<typeof family>, cast: Cast) => void): Scene {
  return {
    title,
    prepare: family,
    act: run as Scene['act'],
    afterwards: ((core: CoreExports, { theirs }: ReturnType<typeof family>) =>
      expectCode('drop', core.shmDrop(theirs))) as unknown as NonNullable<Scene['afterwards']>,
  };
}

export const exactScenes: readonly Scene[] = [
  one('attach', (core, { parent, second }) => expectCode('attach', core.shmAttach(parent, 1, second))),
  one('detach', (core, { parent }) => expectCode('detach', core.shmDetach(parent, 0))),
  one('change', (core, { parent, second }) => expectCode('change', core.shmChange(parent, 0, second))),
  one('drop one root of several', (core, { child }) => expectCode('drop', core.shmDrop(child))),
  one('drop the last root', (core, { second }) => expectCode('drop', core.shmDrop(second))),
  one('allocate', (core) => alloc(core, 16)),
  one('acquire', (core, { parent }) => root(core.shmAcquire(parent, 0))),
  {
    title: 'move into a queue and publish',
    prepare: ({ victim, bystander }) => {
      const queue = victim.core.shmOpenQueue(bystander.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      return { queue, object: alloc(victim.core, 16) };
    },
    act: ((core: CoreExports, { queue, object }: { queue: number; object: number }) => {
      expectCode('fill', core.shmFill(queue, object, 1));
      expectCode('publish', core.shmPublish(queue));
    }) as unknown as Scene['act'],
  },
  {
    title: 'open a queue',
    prepare: ({ bystander }) => bystander.core.selfClient(),
    act: ((core: CoreExports, receiver: number) => void core.shmOpenQueue(receiver, 0, 0)) as unknown as Scene['act'],
  },
  {
    title: 'receive',
    prepare: ({ victim, bystander }) => {
      // It has roots: a page of them that is being cleared has more versions than can be tried.
      alloc(victim.core, 16);
      const queue = bystander.core.shmOpenQueue(victim.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      const object = alloc(bystander.core, 16);
      expectCode('fill', bystander.core.shmFill(queue, object, 0));
      expectCode('publish', bystander.core.shmPublish(queue));
      return queue;
    },
    act: ((core: CoreExports, queue: number) => void root(core.shmReceive(queue))) as unknown as Scene['act'],
  },
  {
    title: 'clear a named root',
    prepare: ({ victim }) => setName(victim, 'tree', alloc(victim.core, 16)),
    act: ((core: CoreExports, _: unknown, { victim }: Cast) =>
      expectCode('set', core.shmSetName(victim.name('tree'), 0))) as unknown as Scene['act'],
  },
];
