/** A process of its own that serves or calls: the other end of service.local.test.ts. Its role is its first argument. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { native } from '../../src/pool/native.ts';
import {
  type Core,
  fenceProcess,
  formatPool,
  instantiateCore,
  joinPool,
  leavePool,
  type MapOptions,
  mapPool,
  recoverClient,
} from '../../src/pool/pool.ts';
import { bytes, connectService, defineService, type Handlers, json, serve } from '../../src/rpc/index.ts';
import type { WaitingStrategy } from '../../src/rpc/wait.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  /** Of `kill`: whom. */
  readonly pid?: number;
  readonly waiting?: WaitingStrategy;
}

export const blocking = defineService('blocking', {
  methods: {
    echo: bytes,
    who: { payload: json<null, number>(), idempotent: true },
    once: json<null, number>(),
    /** Bytes that the server's JavaScript heap holds. */
    heap: json<null, number>(),
  },
});

export const turning = defineService('turning', {
  methods: {
    who: { payload: json<null, number>(), idempotent: true },
    hold: { payload: json<null, number>(), handler: 'background' },
    holdFirst: { payload: json<number, number>(), handler: 'background', idempotent: true },
    count: { payload: json<number, number>(), stream: true },
  },
});

/** `holdFirst` never ends at the server whose pid is its argument. */
export const turningHandlers = {
  who: () => process.pid,
  hold: () => new Promise<number>(() => undefined),
  holdFirst: (pid: number) => (pid === process.pid ? new Promise<number>(() => undefined) : process.pid),
  *count(limit: number) {
    for (let value = 0; value < limit; value++) yield value;
  },
};

const deadlineMs = 60_000;
/** Of a call that is timed, the clock makes numbers on the heap. */
const timedOneOf = 1024;
const roundLimit = 500;

const roles = {
  'serve-blocking': (core: Core, part: Part) => {
    const handlers: Handlers<typeof blocking.declarations> = {
      echo: (request, response) => {
        response.set(request);
        return request.length;
      },
      who: () => process.pid,
      once: () => process.pid,
      heap: () => getHeapStatistics().used_heap_size,
    };
    using server = serve(core, blocking, handlers, { waiting: part.waiting ?? 'adaptive', timedOneOf });
    tell('ready');
    return server.run({ deadlineMs });
  },
  'serve-turning': async (core: Core) => {
    using server = serve(core, turning, turningHandlers);
    tell('ready');
    return await server.runAsync();
  },
  /** Says when a call is held and when it is given up. Drains at the first message it gets, and answers what it holds at the second. */
  'serve-draining': async (core: Core) => {
    const released = once(process, 'release');
    const server = serve(core, turning, {
      ...turningHandlers,
      hold: (_request, { signal }) => {
        tell('held');
        signal.addEventListener('abort', () => tell('given up'));
        return Promise.race([once(signal, 'abort'), released]).then(() => process.pid);
      },
    });
    const end = server.runAsync();
    tell('ready');
    await once(process, 'message');
    const closed = server.close({ drain: true, deadlineMs });
    tell('draining');
    await once(process, 'message');
    process.emit('release' as never);
    await closed;
    return await end;
  },
  /** Makes a call that is not answered, opens a stream, and waits for its end. */
  'call-and-wait': async (core: Core) => {
    const caller = connectService(core, turning, { deadlineMs });
    await caller.stream('count', 1_000).next();
    void caller.call('hold', null);
    tell('ready');
    await caller.call('hold', null);
  },
  /**
   * What a call costs in time and in bytes of the heap, on both sides: the least of several rounds, because a side that is off its core makes the
   * other one wait, and waiting looks at clocks, which makes numbers on the heap.
   */
  'call-sync': (core: Core, part: Part) => {
    using caller = connectService(core, blocking, { deadlineMs, waiting: part.waiting ?? 'adaptive' });
    const request = new Uint8Array(64).fill(7);
    const round = (calls: number): { callerBytes: number; serverBytes: number; nsPerCall: number } => {
      const serverBefore = caller.callSync('heap', null);
      const before = getHeapStatistics().used_heap_size;
      const startedNs = native().monotonicNs();
      for (let call = 0; call < calls; call++) {
        if (caller.callSync('echo', request)[63] !== 7) throw new Error('the echo came back different');
      }
      const nsPerCall = (native().monotonicNs() - startedNs) / calls;
      const callerBytes = (getHeapStatistics().used_heap_size - before) / calls;
      return { callerBytes, serverBytes: (caller.callSync('heap', null) - serverBefore) / calls, nsPerCall };
    };
    const rounds: ReturnType<typeof round>[] = [];
    const least = (name: keyof ReturnType<typeof round>): number =>
      Math.min(...rounds.map((numbers) => numbers[name]).filter((value) => value >= 0));
    // The first rounds run unoptimized code, however long the compiler takes.
    round(30_000);
    global.gc?.();
    while (rounds.length < roundLimit && (rounds.length < 20 || least('callerBytes') >= 8 || least('serverBytes') >= 8)) {
      rounds.push(round(2_000));
    }
    return { callerBytes: least('callerBytes'), serverBytes: least('serverBytes'), nsPerCall: least('nsPerCall') };
  },
  /** Kills a process, sees that it is dead, and recovers its clients. */
  kill: (core: Core, { pid }: Part) => {
    process.kill(pid!, 'SIGKILL');
    while (isAlive(pid!)) native().waitWhile(core.pool, 0, 0n, 100_000);
    const dead = [1, 2, 3].flatMap((machineNumber) => fenceProcess(core, { machineNumber, pid: pid! }));
    for (const client of dead) recoverClient(core, client);
    return dead.length;
  },
} as const;

export type Role = keyof typeof roles;

function isAlive(pid: number): boolean {
  try {
    // The state stands behind the program's name, which is in brackets. Z: dead, and its parent has not asked yet.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function tell(message: unknown): void {
  process.send!(message);
}

async function main(): Promise<void> {
  const role = process.argv[2] as Role;
  const part = JSON.parse(process.argv[3]!) as Part;
  native().setParentDeathSignal(process.ppid);
  const core = instantiateCore(mapPool(part.files), { thread: 0 });
  formatPool(core, part);
  joinPool(core, part);
  const result = await roles[role](core, part);
  leavePool(core);
  tell({ result });
}

if (process.argv[2] !== undefined && process.argv[2] in roles) await main();
