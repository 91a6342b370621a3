/** What kills a client rather than be told: forged offsets that it follows, a pool file that shrinks, SIGKILL. The heap is whole after. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { constants, layout } from '../../src/layout/index.ts';
import { fenceProcess, recoverClient } from '../../src/pool/pool.ts';
import { poolSizeBytes } from '../pool/pool-files.ts';
import type { Part, Role } from './heap-participant.ts';
import { type HeapPool, openHeaps } from './heap-pool.ts';

const program = fileURLToPath(new URL('../../dist/test-heap-participant.mjs', import.meta.url));

beforeAll(async () => {
  const entry = fileURLToPath(new URL('heap-participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

interface Participant {
  readonly child: ChildProcess;
  /** The offset that it said; it waits for `goOn`. */
  readonly offset: number;
  readonly goOn: () => void;
  /** Exit code, signal, and what it wrote to its standard error. */
  readonly end: Promise<readonly [code: number | null, signal: string | null, said: string]>;
}

async function participate(pool: HeapPool, role: Role, crash?: Part['crash']): Promise<Participant> {
  const { [Symbol.dispose]: _, ...files } = pool.files;
  const part: Part = { files, machineNumber: 2, ...(crash === undefined ? {} : { crash }) };
  const child = fork(program, [role, JSON.stringify(part)], { execArgv: [], stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const end = once(child, 'close').then(([code, signal]) => [code, signal, said] as const);
  const early = end.then(([code, signal]) => Promise.reject(new Error(`${role} ended with ${code ?? signal}: ${said}`)));
  early.catch(() => undefined);
  const [offset] = (await Promise.race([once(child, 'message'), early])) as [number];
  return { child, offset, goOn: () => child.send('go on'), end };
}

function recover(pool: HeapPool, { child }: Participant): void {
  const [core] = pool.cores;
  const dead = fenceProcess(core!, { machineNumber: 2, pid: child.pid! });
  expect(dead).toHaveLength(1);
  for (const client of dead) recoverClient(core!, client);
}

test.each(['detach-forged', 'detach-free'] as const)(
  '%s: a client that would follow what refers to no object ends, says so, and does not take its recoverer with it',
  async (role) => {
    using pool = openHeaps(1);
    const victim = await participate(pool, role);
    victim.goOn();
    const [, signal, said] = await victim.end;
    expect([signal, said]).toEqual(['SIGKILL', expect.stringContaining('invariant 4 does not hold')]);

    expect(pool.audit()).toEqual([expect.stringContaining('where no object lives')]);
    recover(pool, victim);
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  },
);

test('a pool file that shrinks under a mapping ends whoever touches the missing part', async () => {
  using pool = openHeaps(1);
  const [heap] = pool.heaps;
  const [core] = pool.cores;
  using kept = heap!.alloc(8);
  const victim = await participate(pool, 'fill-all');
  // Whole segments behind everything that is in use.
  const at = core!.pool.byteOffset + constants.HEAP_SHAPE_OFFSET + layout.HeapShape.segmentsOffset.offset;
  const segmentsOffset = new DataView(core!.pool.buffer, at, 4).getUint32(0, true);
  const firstUnused = segmentsOffset + 65536 * Math.ceil((victim.offset + 1 - segmentsOffset) / 65536);
  truncateSync(pool.files.poolPath, firstUnused + 65536);
  victim.goOn();
  const [, signal] = await victim.end;
  expect(signal).toBe('SIGBUS');

  truncateSync(pool.files.poolPath, poolSizeBytes);
  recover(pool, victim);
  expect([pool.objects(), kept.count]).toEqual([1, 1]);
  using again = heap!.alloc(500_000);
  again.bytes.fill(1);
  expect(pool.audit()).toEqual([]);
});

test.each([
  ['shm/attach/after-commit', 5],
  ['shm/change/after-link', 9],
  ['shm/alloc/after-root', 40],
  ['shm/drop/after-commit', 1],
  ['shm/drain/after-pop', 30],
  ['shm/name/after-claim', 8],
  ['shm/move/after-commit', 3],
  ['shm/acquire/after-hazard', 20],
] as const)(
  'a client that uses all of the API and dies at %s, passage %i, leaves what it shared and nothing else',
  async (point, hit) => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const victim = await participate(pool, 'work', { point, hit });
    victim.goOn();
    const [, signal, said] = await victim.end;
    expect([signal, said]).toEqual(['SIGKILL', '']);
    recover(pool, victim);
    expect(pool.audit()).toEqual([]);

    for (const queue of heap!.queues()) {
      for (const ref of queue.receiveAll()) ref.drop();
      expect(queue.isOver).toBe(true);
      queue.close();
    }
    for (let number = 0; number < 3; number++) heap!.setRoot(`name ${number}`, undefined);
    heap!.collect();
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  },
);
