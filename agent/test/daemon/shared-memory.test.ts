/** What an agent does in the pool for machines that have ended. */
import { expect, test } from 'vitest';
import { openSharedMemory } from '../../src/daemon/shared-memory.ts';
import { inspectPool } from '../../src/inspect/index.ts';
import { constants, layout } from '../../src/layout/index.ts';
import { type Core, instantiateCore, isFenced, mapPool } from '../../src/pool/pool.ts';
import { historySizeBytes, poolFiles, poolSizeBytes } from '../pool/pool-files.ts';

const [own, dead, living] = [1, 2, 3] as const;

function openMemory(files: ReturnType<typeof poolFiles>) {
  return openSharedMemory({
    machine: 'vm1',
    machineNumber: own,
    pool: { path: files.poolPath, sizeBytes: poolSizeBytes },
    history: { path: files.historyPath, sizeBytes: historySizeBytes },
  });
}

function scene(files: ReturnType<typeof poolFiles>) {
  const memory = openMemory(files);
  memory.format(undefined);
  const mapped = mapPool(files);
  const join = (thread: number, machine: number, process: number): { core: Core; id: number; incarnation: number } => {
    const core = instantiateCore(mapped, { thread });
    core.exports.join(machine, process, thread);
    return { core, id: core.exports.selfClient(), incarnation: core.exports.selfIncarnation() };
  };
  return { memory, join };
}

function clientsOf({ pool }: Core) {
  return inspectPool(pool, poolSizeBytes).clients.flatMap(({ id, state, machine }) =>
    state === 'free' ? [] : [{ id, machine }],
  );
}

test('all clients of a machine that has ended are fenced and recovered, whatever process they were, and nobody else', () => {
  using files = poolFiles();
  const { memory, join } = scene(files);
  const [first, other, second] = [join(0, dead, 70), join(1, living, 70), join(2, dead, 71)];

  const buried = memory.buryMachine(dead);

  expect(buried).toEqual([first, second].map(({ id, incarnation }) => ({ id, incarnation })));
  expect(clientsOf(other.core)).toEqual([{ id: other.id, machine: living }]);
  expect(isFenced(other.core, other)).toBe(false);
  expect(memory.buryMachine(dead)).toEqual([]);
});

test('a client whose recoverer died with the same machine is recovered at once: all fences come first', () => {
  using files = poolFiles();
  const { memory, join } = scene(files);
  const [first, recoverer] = [join(0, dead, 70), join(1, dead, 71)];
  const claim = (BigInt(first.incarnation) << 42n) | (BigInt(recoverer.incarnation) << 10n) | BigInt(recoverer.id + 1);
  const { pool } = first.core;
  const at =
    constants.CLIENT_TABLE_OFFSET +
    first.id * constants.CLIENT_BYTES +
    constants.CLIENT_FENCE_LINE +
    layout.ClientFence.recoverer.offset;
  new DataView(pool.buffer, pool.byteOffset).setBigUint64(at, claim, true);

  expect(memory.buryMachine(dead)).toHaveLength(2);
  expect(clientsOf(first.core)).toEqual([]);
});

test('of those who joined from the own machine, the ones that do not live are fenced and recovered; nobody of another machine', () => {
  using files = poolFiles();
  const { memory, join } = scene(files);
  const [lost, alive, elsewhere] = [join(0, own, 70), join(1, own, 71), join(2, living, 70)];

  const buried = memory.buryLost((pid) => pid === 71);

  expect(buried).toEqual([{ id: lost.id, incarnation: lost.incarnation }]);
  expect(clientsOf(lost.core)).toEqual([
    { id: alive.id, machine: own },
    { id: elsewhere.id, machine: living },
  ]);
  expect(memory.clientOf(71)).toEqual({ id: alive.id, incarnation: alive.incarnation });
  expect(memory.clientOf(70)).toBeNull();
});

test('nobody is lost in a pool that is not formatted', () => {
  using files = poolFiles();
  const memory = openMemory(files);

  expect(memory.buryLost(() => false)).toEqual([]);
});

test('a machine does not recover itself', () => {
  using files = poolFiles();
  const { memory, join } = scene(files);
  const client = join(0, own, 70);

  expect(() => memory.buryMachine(own)).toThrow(expect.objectContaining({ code: 'OWN_MACHINE' }));
  expect(isFenced(client.core, client)).toBe(false);
});
