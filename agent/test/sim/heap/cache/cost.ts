/**
 * What operations cost at the device: accesses of the model (a miss, a write-back, each one), flushes and fences, when everything is
 * warm. `two machines`: another machine's client counted the same object in between.
 */
import { codes, constants } from '../../../../src/layout/index.ts';
import { type WriteBackMemory, writeBackMemory } from '../../memory/write-back.ts';
import type { SimulatedClient } from '../../simulator.ts';
import { expectCode, heapClient, heapWorld, root } from '../heap-world.ts';
import { share } from '../operations.ts';

export interface Cost {
  readonly operation: string;
  readonly accesses: number;
  readonly flushes: number;
  readonly fences: number;
}

export const policies = [
  { policy: constants.FLUSH_NONE, title: 'none' },
  { policy: constants.FLUSH_PROCESS, title: 'process crash' },
  { policy: constants.FLUSH_HOST, title: 'host crash' },
] as const;

/** Often enough that free lists, roots and caches are as they stay. */
const warmUps = 6;

export function costsOf(flushPolicy: number, machines: 1 | 2): readonly Cost[] {
  // Stores leave their buffers at once and no line comes or goes by itself: what is counted is the operation's own.
  const memory = writeBackMemory({ profile: 'COH', seed: 1, drainChance: 1, cacheChance: 0 });
  const world = heapWorld({ memory, flushPolicy });
  world.settle();
  const client = heapClient(world, 1);
  const other = heapClient(world, machines);
  const { core } = client;
  const costs = new Map<string, Cost>();

  const measured = (operation: string, of: SimulatedClient, act: () => void): void => {
    // Nothing is on its way, so that nobody pays for the one before.
    for (const each of world.clients) (world.memory as WriteBackMemory).endClient(each.index);
    const before = { ...(world.memory as WriteBackMemory).deviceAccesses(of.index) };
    const [flushes, fences] = [of.countOf('writeBack'), of.countOf('storeFence')];
    act();
    (world.memory as WriteBackMemory).endClient(of.index);
    const after = (world.memory as WriteBackMemory).deviceAccesses(of.index);
    costs.set(operation, {
      operation,
      accesses: after.misses + after.writeBacks + after.direct - before.misses - before.writeBacks - before.direct,
      flushes: of.countOf('writeBack') - flushes,
      fences: of.countOf('storeFence') - fences,
    });
  };

  const parent = root(core.shmAlloc(8, 2));
  const child = root(core.shmAlloc(16, 0));
  const second = root(core.shmAlloc(16, 0));
  const theirs = share(client, child, other);
  const theirSecond = share(client, second, other);
  const sent = root(core.shmAlloc(16, 0));
  const queue = core.shmOpenQueue(other.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
  /** The other client counts what is on to be counted. */
  const touch = (held: number): void => {
    if (machines === 2) expectCode('drop', other.core.shmDrop(root(other.core.shmClone(held))));
  };
  for (let turn = 0; turn < warmUps; turn++) {
    touch(theirs);
    measured('attach', client, () => expectCode('attach', core.shmAttach(parent, 0, child)));
    touch(theirs);
    measured('detach', client, () => expectCode('detach', core.shmDetach(parent, 0)));
    let block = 0;
    measured('alloc of 64 B', client, () => {
      block = root(core.shmAlloc(64, 0));
    });
    if (machines === 2) expectCode('drop', other.core.shmDrop(share(client, block, other)));
    measured('drop of 64 B', client, () => expectCode('drop', core.shmDrop(block)));
    expectCode('attach', core.shmAttach(parent, 1, child));
    touch(theirs);
    touch(theirSecond);
    measured('change', client, () => expectCode('change', core.shmChange(parent, 1, second)));
    let acquired = 0;
    touch(theirSecond);
    measured('acquire', client, () => {
      acquired = root(core.shmAcquire(parent, 1));
    });
    expectCode('drop', core.shmDrop(acquired));
    expectCode('detach', core.shmDetach(parent, 1));
    measured('send', client, () => {
      expectCode('fill', core.shmFill(queue, sent, 0));
      expectCode('publish', core.shmPublish(queue));
    });
    let received = 0;
    measured('receive', other, () => {
      received = root(other.core.shmReceive(queue));
    });
    expectCode('drop', other.core.shmDrop(received));
  }
  return [...costs.values()];
}

/** A Markdown table: device accesses, and how many flushes and fences are among what was executed. */
export function costTable(): string {
  const columns = policies.flatMap(({ policy, title }) =>
    ([1, 2] as const).map((machines) => ({
      title: `${title}, ${machines === 1 ? 'one machine' : 'two machines'}`,
      costs: costsOf(policy, machines),
    })),
  );
  const operations = columns[0]!.costs.map(({ operation }) => operation);
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(['operation', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '---:')]),
    ...operations.map((operation) =>
      row([
        operation,
        ...columns.map(({ costs }) => {
          const { accesses, flushes, fences } = costs.find((each) => each.operation === operation)!;
          return `${accesses} (${flushes} + ${fences})`;
        }),
      ]),
    ),
  ].join('\n');
}
