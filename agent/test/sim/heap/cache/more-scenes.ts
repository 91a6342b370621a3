/** Scenes that matter only when a cache can be lost: what was done long before, and still was not on the device. */
import { codes } from '../../../../src/layout/index.ts';
import type { CoreExports } from '../../../../src/pool/core.ts';
import { bury, expectCode, heapClient, root } from '../heap-world.ts';
import { type Cast, type Scene, setName, share } from '../operations.ts';

function scene<Prepared>(each: {
  readonly title: string;
  readonly named?: number | ((done: boolean) => number);
  readonly options?: Scene['options'];
  readonly prepare: (cast: Cast) => Prepared;
  readonly act: (victim: CoreExports, prepared: Prepared, cast: Cast) => void;
  readonly afterwards?: (bystander: CoreExports, prepared: Prepared, cast: Cast) => void;
}): Scene {
  return each as unknown as Scene;
}

const alloc = (core: CoreExports, sizeBytes: number, references = 0): number => root(core.shmAlloc(sizeBytes, references));

/** Uses every queue once, so that the next use finds what was left in them. */
function useQueues({ victim, bystander }: Cast): void {
  const queues = Array.from({ length: 4 }, () => bystander.core.shmOpenQueue(victim.core.selfClient(), 1, 0) - codes.CODE_LIMIT);
  const object = alloc(bystander.core, 16);
  for (const queue of queues) {
    for (let sent = 0; sent < 3; sent++) expectCode('fill', bystander.core.shmFill(queue, object, 0));
    expectCode('publish', bystander.core.shmPublish(queue));
    for (let sent = 0; sent < 3; sent++) expectCode('drop', victim.core.shmDrop(root(victim.core.shmReceive(queue))));
    expectCode('close', bystander.core.shmCloseQueue(queue));
    expectCode('close', victim.core.shmCloseQueue(queue));
  }
  expectCode('drop', bystander.core.shmDrop(object));
}

export const moreScenes: readonly Scene[] = [
  scene({
    title: 'attach as the first thing ever',
    prepare: () => undefined,
    act: (core, _, { victim }) => {
      const object = alloc(core, 16);
      expectCode('set', core.shmSetName(victim.name('tree'), object));
    },
  }),
  scene({
    title: 'use a root again for another object, and give that away',
    prepare: ({ victim }) => {
      const small = alloc(victim.core, 16);
      // So that the two roots are in different lines.
      const between = Array.from({ length: 9 }, () => alloc(victim.core, 16));
      const large = alloc(victim.core, 150);
      return { small, between, large };
    },
    act: (core, { small, large }, { victim }) => {
      expectCode('drop', core.shmDrop(small));
      expectCode('drop', core.shmDrop(large));
      const again = alloc(core, 16);
      expectCode('set', core.shmSetName(victim.name('tree'), again));
    },
  }),
  scene({
    title: 'give away many references in an object of several lines',
    prepare: ({ victim }) => {
      // Its block was in use, so that its slots are not zero on the device.
      const child = alloc(victim.core, 16);
      const parent = alloc(victim.core, 0, 12);
      for (let index = 0; index < 12; index++) expectCode('attach', victim.core.shmAttach(parent, index, child));
      for (let index = 0; index < 12; index++) expectCode('detach', victim.core.shmDetach(parent, index));
      expectCode('drop', victim.core.shmDrop(parent));
      const filler = alloc(victim.core, 96 + 16 - 16);
      victim.world.settle();
      const offset = victim.core.shmPayload(filler);
      victim.world.poolBytes(offset, 90).fill(0x30);
      expectCode('drop', victim.core.shmDrop(filler));
      return child;
    },
    act: (core, child, { victim }) => {
      const parent = alloc(core, 0, 12);
      expectCode('attach', core.shmAttach(parent, 0, child));
      expectCode('set', core.shmSetName(victim.name('tree'), parent));
    },
  }),
  scene({
    title: 'look for a huge run where there is not room for it',
    options: { segments: 7 },
    prepare: ({ bystander, victim }) => {
      // Of seven segments the third and the fourth are free, and the last two.
      alloc(victim.core, 16);
      const small = alloc(bystander.core, 16);
      const huge = alloc(bystander.core, 5_000);
      const large = alloc(bystander.core, 3_900);
      expectCode('drop', bystander.core.shmDrop(huge));
      return [small, large];
    },
    act: (core) => {
      const answer = core.shmAlloc(9_000, 0);
      expectCode('alloc', answer, codes.HEAP_FULL);
    },
    afterwards: (core, roots) => {
      for (const held of roots) expectCode('drop', core.shmDrop(held));
    },
  }),
  scene({
    title: 'empty several segments, and give them back',
    prepare: ({ victim }) => Array.from({ length: 4 }, () => alloc(victim.core, 3_900)),
    act: (core, roots) => {
      for (const held of roots) expectCode('drop', core.shmDrop(held));
      expectCode('collect', core.shmCollect());
    },
    afterwards: (core) => {
      for (const held of Array.from({ length: 4 }, () => alloc(core, 200))) expectCode('drop', core.shmDrop(held));
    },
  }),
  scene({
    title: 'adopt a segment with the first allocation',
    prepare: (cast) => {
      const third = heapClient(cast.world, 3);
      const kept = share(third, alloc(third.core, 60), cast.bystander);
      expectCode('leave', third.core.leave());
      return kept;
    },
    act: (core, _, { victim }) => {
      const object = alloc(core, 60);
      expectCode('set', core.shmSetName(victim.name('tree'), object));
    },
    afterwards: (core, kept) => expectCode('drop', core.shmDrop(kept)),
  }),
  scene({
    title: 'pass on a claimed name while others wait for it',
    prepare: (cast) => alloc(cast.victim.core, 16),
    act: (core, object, { victim }) => {
      expectCode('set', core.shmSetName(victim.name('tree'), object));
      expectCode('set', core.shmSetName(victim.name('tree'), 0));
    },
  }),
  scene({
    title: 'open a queue that was used before, and send',
    prepare: (cast) => {
      useQueues(cast);
      return cast.bystander.core.selfClient();
    },
    act: (core, receiver) => {
      const queue = core.shmOpenQueue(receiver, 7, 0) - codes.CODE_LIMIT;
      const object = alloc(core, 16);
      expectCode('fill', core.shmFill(queue, object, 1));
      expectCode('publish', core.shmPublish(queue));
    },
    afterwards: (core) => {
      if (core.shmFindQueues(7, 0, 0, 0) === 0) return;
      for (;;) {
        const answer = core.shmReceive(0) >>> 0;
        if (answer < codes.CODE_LIMIT) return expectCode('receive', answer, codes.CLOSED);
        expectCode('drop', core.shmDrop(answer));
      }
    },
  }),
  scene({
    title: 'open a queue and fill it',
    prepare: ({ bystander, victim }) => ({ receiver: bystander.core.selfClient(), object: alloc(victim.core, 16) }),
    act: (core, { receiver, object }) => {
      const queue = core.shmOpenQueue(receiver, 7, 0) - codes.CODE_LIMIT;
      expectCode('fill', core.shmFill(queue, object, 0));
    },
    afterwards: (core) => {
      if (core.shmFindQueues(7, 0, 0, 0) === 0) return;
      expectCode('receive', core.shmReceive(0), codes.CLOSED);
    },
  }),
  scene({
    title: 'send to a queue that is open',
    prepare: ({ bystander, victim }) => {
      const queue = victim.core.shmOpenQueue(bystander.core.selfClient(), 7, 0) - codes.CODE_LIMIT;
      const object = alloc(victim.core, 16);
      expectCode('fill', victim.core.shmFill(queue, object, 0));
      expectCode('publish', victim.core.shmPublish(queue));
      return { queue, object };
    },
    act: (core, { queue, object }) => {
      expectCode('fill', core.shmFill(queue, object, 1));
      expectCode('publish', core.shmPublish(queue));
    },
  }),
  scene({
    title: 'discount what a dead one was discounting',
    prepare: (cast) => {
      // The third client ends between its commit and the slot: only the word, then the witness, knows that it committed.
      const { world, victim, bystander } = cast;
      const third = heapClient(world, 3);
      const object = alloc(victim.core, 16);
      setName(victim, 'tree', object);
      const parent = alloc(third.core, 0, 1);
      const kept = share(third, parent, bystander);
      const mine = root(third.core.shmGetName(third.name('tree')));
      expectCode('attach', third.core.shmAttach(parent, 0, mine));
      expectCode('drop', third.core.shmDrop(mine));
      setName(victim, 'tree', 0);
      third.arm('shm/release/after-commit');
      third.attempt((core) => core.shmDetach(parent, 0));
      if (!third.isDead) throw new Error('the third client did not die');
      return { object, kept };
    },
    act: (core, { object }) => expectCode('drop', core.shmDrop(object)),
    afterwards: (core, { kept }, { bystander, world }) => {
      bury(
        bystander,
        world.clients.filter(({ isDead }) => isDead),
      );
      expectCode('drop', core.shmDrop(kept));
    },
  }),
  scene({
    title: 'look at something, and leave',
    prepare: ({ victim, bystander }) => {
      const { core } = bystander;
      const parent = alloc(core, 0, 1);
      const child = alloc(core, 16);
      expectCode('attach', core.shmAttach(parent, 0, child));
      expectCode('drop', core.shmDrop(child));
      return { parent, held: share(bystander, parent, victim) };
    },
    act: (core, { held }) => {
      root(core.shmAcquire(held, 0));
      expectCode('leave', core.leave());
    },
    afterwards: (core, { parent }) => expectCode('drop', core.shmDrop(parent)),
  }),
  scene({
    title: 'allocate a large object as the first thing',
    prepare: () => undefined,
    act: (core) => {
      alloc(core, 900);
    },
  }),
  scene({
    title: 'join where somebody left',
    prepare: ({ victim }) => expectCode('leave', victim.core.leave()),
    act: (core, _, { victim }) => {
      core.join(1, victim.process, 0);
      expectCode('shmOpen', core.shmOpen(0));
      alloc(core, 16);
    },
  }),
];
