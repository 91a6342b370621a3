/**
 * A process of its own that works in the heap with a lock until it is killed, or blocked by a holder that is fenced: the other end
 * of lock-heap.local.test.ts.
 */
import { codes, constants } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import {
  type ArmedCrash,
  formatPool,
  instantiateCore,
  joinPool,
  leavePool,
  type MapOptions,
  mapPool,
} from '../../src/pool/pool.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly seed: number;
  readonly crash?: ArmedCrash;
}

/** The first thing it says, once it works: where it counts its operations, in the payload of a block of its own. */
export interface Working {
  readonly client: number;
  readonly counterOffset: number;
}

/** The last thing it says. */
export interface Ended {
  readonly because: 'blocked' | 'deadline';
}

const part = JSON.parse(process.argv[2]!) as Part;
const deadline = Date.now() + 60_000;
/** Looks at the lock in one call: long enough for a holder that lives to be on its way. */
const looks = 100_000;

native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) });
const { exports } = core;
formatPool(core, part);
joinPool(core, part);
const client = exports.selfClient();
mustBe(
  codes.OK,
  retried(() => exports.lockOpen(looks)),
);
// A place that was used before may have a block already.
mustBe(
  codes.OK,
  retried(() => exports.lockDrop(client, looks)),
);
mustBe(
  codes.OK,
  retried(() => exports.lockAlloc(0, looks)),
);
const counterOffset = exports.lockPayload(exports.lockBlockAt(client, 0));
const counter = new Uint32Array(core.pool.buffer, core.pool.byteOffset + counterOffset, 1);
counter[0] = 0;
process.send!({ client, counterOffset } satisfies Working, () => {
  const ended: Ended = { because: work() };
  leavePool(core);
  process.send!(ended);
  process.disconnect();
});

function work(): Ended['because'] {
  let random = part.seed;
  while (Date.now() < deadline) {
    for (let number = 0; number < 1_000; number++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      const slot = 1 + ((random >>> 8) % (constants.LOCK_SLOTS_PER_CLIENT - 1));
      const choice = (random >>> 16) % 3;
      const code =
        choice === 0
          ? exports.lockAlloc(slot, looks)
          : choice === 1
            ? exports.lockAttach(slot, (random >>> 20) % 8, looks)
            : exports.lockDetach(slot, looks);
      if (code === codes.BLOCKED && isHeldByTheFenced()) return 'blocked';
      Atomics.add(counter, 0, 1);
    }
  }
  return 'deadline';
}

function isHeldByTheFenced(): boolean {
  const holder = exports.lockHolder();
  return holder >= 0 && exports.isFenced(holder, exports.clientIncarnation(holder)) !== 0;
}

/** While others hold the lock. */
function retried(action: () => number): number {
  let code = action();
  while (code === codes.BLOCKED && Date.now() < deadline) code = action();
  return code;
}

function mustBe(expected: number, code: number): void {
  if (code !== expected) throw new Error(`the heap with a lock answered ${code} instead of ${expected}`);
}
