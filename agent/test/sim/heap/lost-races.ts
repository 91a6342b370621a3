/**
 * Scenes in which the bystander is faster: it changes the word that the victim is about to swap, so that the swap fails and the victim
 * tries again, or elsewhere. The bystander keeps what it takes in `keep`, whose slots it may find empty or full.
 */
import { codes } from '../../../src/layout/index.ts';
import type { CoreExports } from '../../../src/pool/core.ts';
import { kinds } from '../memory-profile.ts';
import { expectCode, root } from './heap-world.ts';
import { type Cast, type Scene, share } from './operations.ts';

interface Prepared {
  /** Of the victim: `parent` refers to `first` in its slot 0. */
  readonly parent: number;
  readonly first: number;
  readonly second: number;
  /** Of the bystander: what it holds of the victim's, and slots of its own. */
  readonly theirFirst: number;
  readonly theirSecond: number;
  readonly keep: number;
}

const alloc = (core: CoreExports, sizeBytes: number, references = 0): number => root(core.shmAlloc(sizeBytes, references));

function prepare({ victim, bystander }: Cast): Prepared {
  const { core } = victim;
  const [parent, first, second] = [alloc(core, 0, 2), alloc(core, 16), alloc(core, 16)];
  expectCode('attach', core.shmAttach(parent, 0, first));
  const [theirFirst, theirSecond] = [share(victim, first, bystander), share(victim, second, bystander)];
  return { parent, first, second, theirFirst, theirSecond, keep: alloc(bystander.core, 0, 2) };
}

/** The bystander does `act` just before the victim's next swap. */
function faster({ world, victim, bystander }: Cast, act: (core: CoreExports) => void): void {
  const before = world.onAccess;
  world.onAccess = (who, what, address, site) => {
    if (who === victim && (what & 15) === kinds.swap) {
      world.onAccess = before;
      act(bystander.core);
    }
    before?.(who, what, address, site);
  };
}

function race(
  title: string,
  /** Before the swap that is to fail, by the bystander. */
  wins: (core: CoreExports, prepared: Prepared, cast: Cast) => void,
  act: (core: CoreExports, prepared: Prepared, cast: Cast) => void,
): Scene {
  const scene = {
    title,
    prepare,
    act: (core: CoreExports, prepared: Prepared, cast: Cast) => {
      faster(cast, (other) => wins(other, prepared, cast));
      act(core, prepared, cast);
    },
    afterwards: (core: CoreExports, { theirFirst, theirSecond, keep }: Prepared) => {
      for (let queue = 0; queue < 4; queue++) core.shmCloseQueue(queue);
      for (const held of [theirFirst, theirSecond, keep]) expectCode('drop', core.shmDrop(held));
    },
  };
  return scene as unknown as Scene;
}

const keepsFirst = (core: CoreExports, { keep, theirFirst }: Prepared): void =>
  expectCode('attach', core.shmAttach(keep, 0, theirFirst));
const keepsSecond = (core: CoreExports, { keep, theirSecond }: Prepared): void =>
  expectCode('attach', core.shmAttach(keep, 1, theirSecond));

export const lostRaces: readonly Scene[] = [
  race('attach what another attaches', keepsSecond, (core, { parent, second }) =>
    expectCode('attach', core.shmAttach(parent, 1, second)),
  ),
  race('drop what another attaches', keepsFirst, (core, { first }) => expectCode('drop', core.shmDrop(first))),
  race('detach from a slot what another attaches', keepsFirst, (core, { parent }) =>
    expectCode('detach', core.shmDetach(parent, 0)),
  ),
  race('change a slot to what another attaches', keepsSecond, (core, { parent, second }) =>
    expectCode('change', core.shmChange(parent, 0, second)),
  ),
  race(
    'claim the segment that another claims',
    (core, { keep }) => {
      const huge = alloc(core, 9_000);
      expectCode('attach', core.shmAttach(keep, 0, huge));
      expectCode('drop', core.shmDrop(huge));
    },
    (core) => {
      // More pages than its first segment has left.
      const held = Array.from({ length: 5 }, () => alloc(core, 900));
      for (const each of held) expectCode('drop', core.shmDrop(each));
    },
  ),
  race(
    'open the queue that another opens',
    (core, _, { victim }) => {
      if (core.shmOpenQueue(victim.core.selfClient(), 0, 0) < codes.CODE_LIMIT) throw new Error('no queue was opened');
    },
    (core, _, { bystander }) => {
      const queue = core.shmOpenQueue(bystander.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      expectCode('fill', core.shmFill(queue, alloc(core, 16), 1));
      expectCode('close', core.shmCloseQueue(queue));
    },
  ),
];
