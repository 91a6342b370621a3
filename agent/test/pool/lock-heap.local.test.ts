/** The heap with a lock under real SIGKILLs: it survives that everybody dies at once, and stands when one dies with the lock. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { inspectLockHeap, inspectPool } from '../../src/inspect/index.ts';
import { codes, constants } from '../../src/layout/index.ts';
import {
  type ArmedCrash,
  type Core,
  fenceProcess,
  formatPool,
  instantiateCore,
  joinPool,
  leavePool,
  mapPool,
  recoverClient,
} from '../../src/pool/pool.ts';
import type { Ended, Part, Working } from './lock-heap-participant.ts';
import { type PoolFiles, poolFiles, poolSizeBytes } from './pool-files.ts';

const program = fileURLToPath(new URL('../../dist/test-lock-heap-participant.mjs', import.meta.url));
const looks = 1_000;
const deadlineMs = 60_000;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('lock-heap-participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

interface Participant {
  readonly child: ChildProcess;
  readonly machineNumber: number;
  readonly working: Working;
  readonly ended: Promise<Ended>;
  readonly exit: Promise<unknown>;
}

async function participate(files: PoolFiles, machineNumber: number, seed: number, crash?: ArmedCrash): Promise<Participant> {
  const { [Symbol.dispose]: _, ...plain } = files;
  const part: Part = { files: plain, machineNumber, seed, ...(crash === undefined ? {} : { crash }) };
  const child = fork(program, [JSON.stringify(part)], { execArgv: [] });
  const exit = once(child, 'exit');
  const endedEarly = exit.then(([code, signal]) => Promise.reject(new Error(`a participant ended with ${code ?? signal}`)));
  endedEarly.catch(() => undefined);
  const [working] = (await Promise.race([once(child, 'message'), endedEarly])) as [Working];
  const ended = once(child, 'message').then(([message]) => message as Ended);
  return { child, machineNumber, working, ended, exit };
}

/** Waits until a participant has made more operations. */
async function untilWorked(core: Core, { working }: Participant, operations: number): Promise<void> {
  const counter = new Uint32Array(core.pool.buffer, core.pool.byteOffset + working.counterOffset, 1);
  const start = Atomics.load(counter, 0);
  const deadline = Date.now() + deadlineMs;
  while (Atomics.load(counter, 0) - start < operations) {
    if (Date.now() > deadline) throw new Error(`a participant did not make ${operations} operations within ${deadlineMs} ms`);
    await nextTurn();
  }
}

async function fenceAndRecover(core: Core, { child, machineNumber, exit }: Participant): Promise<void> {
  await exit;
  for (const client of fenceProcess(core, { machineNumber, pid: child.pid! })) recoverClient(core, client);
}

function inspectHeap(core: Core) {
  const { clients } = inspectPool(core.pool, poolSizeBytes);
  const problems: string[] = [];
  const view = new DataView(core.pool.buffer, core.pool.byteOffset, core.pool.byteLength);
  const heap = inspectLockHeap(view, clients, problems);
  return { heap, problems };
}

/** After a full stop: opens the heap in a new life, recounts it, drops all. */
function expectWholeAfterRestart(core: Core): void {
  joinPool(core, { machineNumber: 1 });
  expect(core.exports.lockOpen(looks)).toBe(codes.OK);
  expect(inspectHeap(core)).toMatchObject({ heap: { holder: null, openWrites: 0 }, problems: [] });
  for (let client = 0; client < constants.BASELINE_CLIENT_LIMIT; client++)
    expect(core.exports.lockDrop(client, looks)).toBe(codes.OK);
  expect(inspectHeap(core)).toEqual({ heap: { holder: null, openWrites: 0, liveBlocks: 0, references: 0 }, problems: [] });
  leavePool(core);
}

test('everybody is killed at any moment, again and again, and who opens the heap next finds it whole', async () => {
  using files = poolFiles();
  const core = instantiateCore(mapPool(files), { thread: 0 });
  formatPool(core, { machineNumber: 1 });
  let heldByTheDead = 0;
  for (let round = 0; round < 12; round++) {
    const participants = await Promise.all([2, 3].map((machine) => participate(files, machine, round * 7 + machine)));
    await untilWorked(core, participants[round % 2]!, 1 + ((round * 37) % 400));
    for (const { child } of participants) child.kill('SIGKILL');
    for (const participant of participants) await fenceAndRecover(core, participant);
    if (inspectHeap(core).heap?.holder?.isDead === true) heldByTheDead++;

    expectWholeAfterRestart(core);
  }
  process.stderr.write(`killed while holding the lock: ${heldByTheDead} of 12 times\n`);
});

test('one that dies with the lock blocks the other, and the heap is whole once that one has stopped as well', async () => {
  using files = poolFiles();
  const core = instantiateCore(mapPool(files), { thread: 0 });
  formatPool(core, { machineNumber: 1 });
  // The survivor first: it could not open the heap any more once the victim is dead.
  const survivor = await participate(files, 3, 6);
  const victim = await participate(files, 2, 5, { point: 'baseline/lock/after-commit', hit: 200 });
  await fenceAndRecover(core, victim);

  expect(await survivor.ended).toEqual({ because: 'blocked' });
  expect(inspectHeap(core)).toMatchObject({
    heap: { holder: { client: victim.working.client, isDead: true } },
    problems: [expect.stringContaining('is dead: nobody can go on')],
  });

  await survivor.exit;
  expectWholeAfterRestart(core);
});
