/**
 * Every operation of the heap as a scene: what was there before, what the victim does until it dies, and what one bystander holds that
 * must be whole afterwards. The sweeps kill the victim at every access of `act`.
 */
import { codes } from '../../../src/layout/index.ts';
import type { CoreExports } from '../../../src/pool/core.ts';
import type { SimulatedClient, World } from '../simulator.ts';
import { bury, expectCode, type HeapOptions, heapClient, heapWorld, root } from './heap-world.ts';

export interface Scene {
  readonly title: string;
  /** Objects that named roots hold at the end. */
  readonly named?: number | ((done: boolean) => number);
  readonly options?: HeapOptions;
  /** Run once; what it returns is handed to `act`. Victim and bystander have joined. */
  prepare(cast: Cast): unknown;
  act(victim: CoreExports, prepared: never, cast: Cast): void;
  /** What the bystander does after the victim's recovery, with what it holds. */
  afterwards?(bystander: CoreExports, prepared: never, cast: Cast): void;
}

export interface Cast {
  readonly world: World;
  readonly victim: SimulatedClient;
  readonly bystander: SimulatedClient;
}

/** `machines`: of victim and bystander, for memories in which that matters. */
export function castOf(scene: Scene, options: HeapOptions & { readonly machines?: readonly [number, number] } = {}): Cast {
  const world = heapWorld({ ...scene.options, ...options });
  const [first, second] = options.machines ?? [1, 2];
  const victim = heapClient(world, first);
  const bystander = heapClient(world, second);
  return { world, victim, bystander };
}

export function setName(client: SimulatedClient, name: string, held: number): void {
  expectCode('shmSetName', client.core.shmSetName(client.name(name), held));
}

/** Passes a reference on what the giver's root holds to the taker: through a named root. */
export function share(giver: SimulatedClient, held: number, taker: SimulatedClient): number {
  setName(giver, 'share', held);
  const taken = root(taker.core.shmGetName(taker.name('share')));
  setName(giver, 'share', 0);
  return taken;
}

/** Somebody who died while it looked at an embedded reference of what `held` holds; nobody has buried it yet. */
export function looker({ world, victim }: Cast, held: number, index: number): SimulatedClient {
  const client = heapClient(world, 3);
  const parent = share(victim, held, client);
  client.arm('shm/acquire/after-hazard');
  client.attempt((core) => core.shmAcquire(parent, index));
  if (!client.isDead) throw new Error('the looker does not look');
  return client;
}

const alloc = (core: CoreExports, sizeBytes: number, references = 0): number => root(core.shmAlloc(sizeBytes, references));

/** Drops every root that the victim fills on its way, so that its pages fill and empty. */
function scene<Prepared>(scene: {
  readonly title: string;
  readonly named?: number | ((done: boolean) => number);
  readonly options?: HeapOptions;
  readonly prepare: (cast: Cast) => Prepared;
  readonly act: (victim: CoreExports, prepared: Prepared, cast: Cast) => void;
  readonly afterwards?: (bystander: CoreExports, prepared: Prepared, cast: Cast) => void;
}): Scene {
  return scene as unknown as Scene;
}

export const scenes: readonly Scene[] = [
  scene({
    title: 'open the heap',
    prepare: () => undefined,
    act: (core) => {
      expectCode('leave', core.leave());
      core.join(1, 1001, 0);
      expectCode('shmOpen', core.shmOpen(3));
    },
  }),
  scene({
    title: 'allocate, small, with references, and drop',
    prepare: () => undefined,
    act: (core) => {
      const first = alloc(core, 20);
      const second = alloc(core, 8, 2);
      expectCode('drop', core.shmDrop(first));
      expectCode('drop', core.shmDrop(second));
      alloc(core, 100);
    },
  }),
  scene({
    title: 'fill a page, then another, and empty both',
    prepare: () => undefined,
    act: (core) => {
      const roots = Array.from({ length: 5 }, () => alloc(core, 200));
      for (const held of roots) expectCode('drop', core.shmDrop(held));
    },
  }),
  scene({
    title: 'allocate and drop a large object, a run of pages',
    prepare: ({ victim }) => alloc(victim.core, 16),
    act: (core) => {
      const large = alloc(core, 900, 1);
      const second = alloc(core, 300);
      expectCode('attach', core.shmAttach(large, 0, second));
      expectCode('drop', core.shmDrop(second));
      expectCode('drop', core.shmDrop(large));
      alloc(core, 600);
    },
  }),
  scene({
    title: 'allocate and drop a huge object, a run of segments',
    prepare: ({ victim }) => alloc(victim.core, 16),
    act: (core, small) => {
      const huge = alloc(core, 9_000, 1);
      expectCode('attach', core.shmAttach(huge, 0, small));
      expectCode('drop', core.shmDrop(huge));
      alloc(core, 5_000);
    },
  }),
  scene({
    title: 'attach and detach',
    prepare: (cast) => {
      const parent = alloc(cast.victim.core, 0, 3);
      const child = alloc(cast.victim.core, 16);
      const theirs = share(cast.victim, child, cast.bystander);
      return { parent, child, theirs };
    },
    act: (core, { parent, child }) => {
      expectCode('attach', core.shmAttach(parent, 0, child));
      expectCode('attach', core.shmAttach(parent, 2, child));
      expectCode('detach', core.shmDetach(parent, 0));
      expectCode('detach', core.shmDetach(parent, 2));
    },
    afterwards: (core, { theirs }) => expectCode('drop', core.shmDrop(theirs)),
  }),
  scene({
    title: 'change a reference to and fro',
    prepare: (cast) => {
      const core = cast.victim.core;
      const parent = alloc(core, 0, 1);
      const first = alloc(core, 16);
      const second = alloc(core, 16, 1);
      expectCode('attach', core.shmAttach(parent, 0, first));
      const theirs = share(cast.victim, second, cast.bystander);
      expectCode('drop', core.shmDrop(first));
      return { parent, second, theirs, shared: share(cast.victim, parent, cast.bystander) };
    },
    act: (core, { parent, second }) => {
      expectCode('change', core.shmChange(parent, 0, second));
      const third = alloc(core, 16);
      expectCode('change', core.shmChange(parent, 0, third));
    },
    afterwards: (core, { theirs, shared }) => {
      expectCode('drop', core.shmDrop(shared));
      expectCode('drop', core.shmDrop(theirs));
    },
  }),
  scene({
    title: 'release a tree whose leaves others hold too',
    prepare: (cast) => {
      const core = cast.victim.core;
      const tree = alloc(core, 0, 3);
      let theirs = 0;
      for (let index = 0; index < 3; index++) {
        const inner = alloc(core, 8, 2);
        const leaf = alloc(core, 40);
        if (index === 1) theirs = share(cast.victim, leaf, cast.bystander);
        expectCode('attach', core.shmAttach(inner, 1, leaf));
        expectCode('attach', core.shmAttach(tree, index, inner));
        expectCode('drop', core.shmDrop(inner));
        expectCode('drop', core.shmDrop(leaf));
      }
      return { tree, theirs };
    },
    act: (core, { tree }) => expectCode('drop', core.shmDrop(tree)),
    afterwards: (core, { theirs }) => expectCode('drop', core.shmDrop(theirs)),
  }),
  scene({
    title: 'give back what another client allocated',
    prepare: (cast) => {
      const core = cast.bystander.core;
      const held: number[] = [];
      for (let index = 0; index < 3; index++) {
        const object = alloc(core, index === 2 ? 700 : 60);
        held.push(share(cast.bystander, object, cast.victim));
        expectCode('drop', core.shmDrop(object));
      }
      return held;
    },
    act: (core, held) => {
      for (const object of held) expectCode('drop', core.shmDrop(object));
    },
    afterwards: (core) => {
      const kept = Array.from({ length: 8 }, () => alloc(core, 60));
      for (const object of kept) expectCode('drop', core.shmDrop(object));
    },
  }),
  scene({
    title: 'give back a huge object of another client',
    prepare: (cast) => {
      const object = alloc(cast.bystander.core, 9_000);
      const held = share(cast.bystander, object, cast.victim);
      expectCode('drop', cast.bystander.core.shmDrop(object));
      return held;
    },
    act: (core, held) => expectCode('drop', core.shmDrop(held)),
    afterwards: (core) => {
      const again = alloc(core, 9_000);
      expectCode('drop', core.shmDrop(again));
    },
  }),
  scene({
    title: 'take back what others released, sweep, reclaim, adopt',
    options: { segments: 5 },
    prepare: (cast) => {
      // A third client leaves a segment with one live object of the bystander's; the bystander releases blocks of the victim's.
      const { world, victim, bystander } = cast;
      const third = heapClient(world, 3);
      const kept = share(third, alloc(third.core, 60), bystander);
      const theirs: number[] = [];
      for (let index = 0; index < 6; index++) {
        const object = alloc(victim.core, 200);
        theirs.push(share(victim, object, bystander));
        expectCode('drop', victim.core.shmDrop(object));
      }
      for (const object of theirs.slice(0, 4)) expectCode('drop', bystander.core.shmDrop(object));
      // Only now, so that it is the victim's act to adopt.
      expectCode('leave', third.core.leave());
      return { kept, theirs: theirs.slice(4) };
    },
    act: (core) => {
      const roots: number[] = [];
      for (;;) {
        const answer = core.shmAlloc(400, 0) >>> 0;
        if (answer < codes.CODE_LIMIT) break;
        roots.push(answer);
      }
      for (const held of roots) expectCode('drop', core.shmDrop(held));
      expectCode('collect', core.shmCollect());
    },
    afterwards: (core, { kept, theirs }) => {
      for (const object of [kept, ...theirs]) expectCode('drop', core.shmDrop(object));
    },
  }),
  scene({
    title: 'find the block of a corpse whose disposer died',
    prepare: (cast) => {
      const { world, victim, bystander } = cast;
      const third = heapClient(world, 3);
      const held = [60, 700, 9_000].map((sizeBytes) => {
        const object = alloc(victim.core, sizeBytes);
        const theirs = share(victim, object, third);
        expectCode('drop', victim.core.shmDrop(object));
        return theirs;
      });
      // One is given back and not told, one is on no list, one is half given back.
      const deaths = ['shm/drain/after-commit', 'shm/drain/after-pop', 'shm/drain/after-note'];
      for (const [index, object] of held.entries()) {
        const disposer = index === 0 ? third : heapClient(world, 3);
        const root = index === 0 ? object : share(third, object, disposer);
        if (index > 0) expectCode('drop', third.core.shmDrop(object));
        disposer.arm(deaths[index]!);
        disposer.attempt((core) => core.shmDrop(root));
        if (!disposer.isDead) throw new Error(`the disposer did not die at ${deaths[index]}`);
        if (index > 0) bury(bystander, [disposer]);
      }
      bury(bystander, [third]);
    },
    act: (core) => {
      expectCode('drop', core.shmDrop(alloc(core, 60)));
      expectCode('collect', core.shmCollect());
      alloc(core, 9_000);
    },
  }),
  scene({
    title: 'dispose of what somebody looks at',
    prepare: (cast) => {
      const { victim, bystander } = cast;
      const { core } = victim;
      const parent = alloc(core, 0, 3);
      for (const [index, sizeBytes] of [40, 700, 9_000].entries()) {
        const child = alloc(core, sizeBytes);
        expectCode('attach', core.shmAttach(parent, index, child));
        expectCode('drop', core.shmDrop(child));
      }
      const lookers = [0, 1, 2].map((index) => looker(cast, parent, index));
      return { parent, lookers, kept: share(victim, parent, bystander) };
    },
    act: (core, { parent }) => {
      const other = alloc(core, 24);
      expectCode('change', core.shmChange(parent, 0, other));
      expectCode('detach', core.shmDetach(parent, 1));
      expectCode('detach', core.shmDetach(parent, 2));
      expectCode('collect', core.shmCollect());
      expectCode('leave', core.leave());
    },
    afterwards: (core, { kept, lookers }, { bystander }) => {
      bury(bystander, lookers);
      expectCode('drop', core.shmDrop(kept));
    },
  }),
  scene({
    title: 'clone and acquire',
    prepare: (cast) => {
      const core = cast.bystander.core;
      const parent = alloc(core, 0, 1);
      const child = alloc(core, 16);
      expectCode('attach', core.shmAttach(parent, 0, child));
      const held = share(cast.bystander, parent, cast.victim);
      return { held, parent, child };
    },
    act: (core, { held }) => {
      const other = root(core.shmClone(held));
      const child = root(core.shmAcquire(held, 0));
      expectCode('drop', core.shmDrop(child));
      expectCode('drop', core.shmDrop(other));
    },
    afterwards: (core, { parent, child }) => {
      expectCode('drop', core.shmDrop(child));
      expectCode('drop', core.shmDrop(parent));
    },
  }),
  scene({
    title: 'set, change and clear a named root',
    prepare: () => undefined,
    act: (core, _, { victim }) => {
      const first = alloc(core, 16);
      const second = alloc(core, 16);
      expectCode('set', core.shmSetName(victim.name('tree'), first));
      expectCode('set', core.shmSetName(victim.name('tree'), second));
      expectCode('drop', core.shmDrop(first));
      const found = root(core.shmGetName(victim.name('tree')));
      expectCode('drop', core.shmDrop(found));
      expectCode('set', core.shmSetName(victim.name('tree'), 0));
    },
    afterwards: (core, _, { bystander }) => {
      // The name can be used again, whoever died over it.
      expectCode('set', core.shmSetName(bystander.name('tree'), 0));
    },
  }),
  scene({
    title: 'open a queue, send copies and moves, close it',
    prepare: ({ bystander }) => bystander.core.selfClient(),
    act: (core, receiver) => {
      const queue = core.shmOpenQueue(receiver, 7, 0) - codes.CODE_LIMIT;
      const object = alloc(core, 16);
      expectCode('fill', core.shmFill(queue, object, 0));
      expectCode('publish', core.shmPublish(queue));
      expectCode('fill', core.shmFill(queue, object, 0));
      expectCode('fill', core.shmFill(queue, object, 1));
      expectCode('publish', core.shmPublish(queue));
      expectCode('close', core.shmCloseQueue(queue));
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
    title: 'receive from a queue, pass it on, close it',
    prepare: ({ victim, bystander }) => {
      const { core } = bystander;
      const queue = core.shmOpenQueue(victim.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      const object = alloc(core, 16);
      for (let sent = 0; sent < 5; sent++) expectCode('fill', core.shmFill(queue, object, sent === 4 ? 1 : 0));
      expectCode('publish', core.shmPublish(queue));
      return queue;
    },
    act: (core, queue) => {
      const first = root(core.shmReceive(queue));
      const second = root(core.shmReceive(queue));
      expectCode('drop', core.shmDrop(first));
      expectCode('drop', core.shmDrop(second));
      root(core.shmReceive(queue));
      expectCode('close', core.shmCloseQueue(queue));
    },
    afterwards: (core, queue) => {
      const object = alloc(core, 16);
      expectCode('fill', core.shmFill(queue, object, 1), codes.CLOSED);
      expectCode('close', core.shmCloseQueue(queue));
    },
  }),
  scene({
    title: 'close a queue last, with references in it',
    prepare: ({ victim, bystander }) => {
      const { core } = bystander;
      const queue = core.shmOpenQueue(victim.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      for (let sent = 0; sent < 3; sent++) expectCode('fill', core.shmFill(queue, alloc(core, 16, 1), 1));
      expectCode('publish', core.shmPublish(queue));
      expectCode('close', core.shmCloseQueue(queue));
      return queue;
    },
    act: (core, queue) => {
      root(core.shmReceive(queue));
      expectCode('close', core.shmCloseQueue(queue));
    },
  }),
  scene({
    title: 'leave with everything',
    prepare: ({ victim, bystander }) => {
      const { core } = victim;
      const queue = core.shmOpenQueue(bystander.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      const parent = alloc(core, 0, 2);
      const child = alloc(core, 300);
      expectCode('attach', core.shmAttach(parent, 1, child));
      expectCode('fill', core.shmFill(queue, child, 0));
      expectCode('publish', core.shmPublish(queue));
      alloc(core, 9_000);
      expectCode('fill', core.shmFill(queue, parent, 0));
    },
    act: (core) => expectCode('leave', core.leave()),
    afterwards: (core) => {
      if (core.shmFindQueues(0, 0, 1, 0) === 0) return;
      const answer = core.shmReceive(0) >>> 0;
      if (answer < codes.CODE_LIMIT) throw new Error(`receive answered ${answer}`);
      expectCode('drop', core.shmDrop(answer));
    },
  }),
];
