/** One client of two dies inside an operation, then everybody does: what that does to the heap with a lock, to CXL-SHM, to naive counting. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClientIdentity } from '../../src/protocol/index.ts';
import { LocalPod, temporaryBundle } from '../local/local-pod.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

beforeAll(async () => {
  bundle = await temporaryBundle();
});
beforeEach(async () => {
  pod = await LocalPod.start(bundle.folder, { machines: 2 });
});
afterEach(async () => {
  try {
    const { problems, heap } = pod.inspect();
    expect(problems).toEqual([]);
    expect(heap?.objects).toBe(0);
  } finally {
    await pod.close();
  }
});
afterAll(() => bundle?.remove());

/** So many passages take both clients many turns, also where they share one core with others. */
const longHit = 1_000_000;
const common = { bucketMs: 5, afterMs: 200, seed: 4 };

async function start(machine: number, worker: string, point?: string, hit = 1): Promise<ClientIdentity> {
  const crash = point === undefined ? {} : { crash: { point, hit } };
  return (await pod.on(machine).request('startWorker', { worker, ...crash })).client;
}

async function leave(machine: number, worker: string): Promise<void> {
  await pod.on(machine).request('stopWorker', { worker, how: 'graceful' });
}

/** One client works on while the other dies at `point`. */
async function partialFailure(task: 'lock-heap' | 'heap-churn', point: string) {
  const survivor = await start(1, 'survivor');
  const victim = await start(2, 'victim', point, longHit);
  const working = pod.task(1, 'survivor', task, { role: 'survivor', partners: [victim], ...common });
  const dying = pod.task(2, 'victim', task, { role: 'victim', partners: [survivor], ...common });
  await expect(dying).rejects.toMatchObject({ code: 'WORKER_DIED' });
  return { victim, survivor, survival: (await working).survival! };
}

test('the death of one with the lock ends the work of the other, and who comes after all have stopped finds the heap whole', async () => {
  const { victim, survival } = await partialFailure('lock-heap', 'baseline/lock/after-commit');
  expect(survival.before.operations).toBeGreaterThan(0);
  expect(survival.after.operations).toBe(0);
  expect(survival.blocked).toBeGreaterThan(0);

  await leave(1, 'survivor');
  await start(1, 'next');
  const { restart } = await pod.task(1, 'next', 'lock-heap', { role: 'restart', partners: [victim], ...common });
  expect(restart).toEqual({ problems: [], found: 1, left: 0 });
});

test.each(['shm/attach/after-commit', 'shm/detach/after-dying', 'shm/alloc/after-root'])(
  'CXL-SHM goes on when one dies at %s',
  async (point) => {
    const { survival } = await partialFailure('heap-churn', point);
    expect(survival.before.operations).toBeGreaterThan(0);
    expect(survival.after.operations).toBeGreaterThan(0);
    expect(survival.blocked).toBe(0);
  },
);

test.each([
  ['lock-heap', 'baseline/lock/after-release', 'baseline/lock/after-commit'],
  ['heap-churn', 'shm/detach/after-commit', 'shm/attach/after-commit'],
] as const)('%s is whole after everybody died', async (task, firstPoint, secondPoint) => {
  const first = await start(1, 'first', firstPoint, 500);
  const second = await start(2, 'second', secondPoint, longHit);
  const dying = [
    pod.task(1, 'first', task, { role: 'victim', partners: [second], ...common }),
    pod.task(2, 'second', task, { role: 'victim', partners: [first], ...common }),
  ];
  await Promise.all(dying.map((each) => expect(each).rejects.toMatchObject({ code: 'WORKER_DIED' })));

  await start(1, 'next');
  const { restart } = await pod.task(1, 'next', task, { role: 'restart', partners: [first, second], ...common });
  expect(restart).toEqual({ problems: [], found: 2, left: 0 });
});

test.each([
  ['leaks', 'baseline/naive/alloc/between', 'is leaked'],
  ['leaks', 'baseline/naive/attach/between', 'wrong count'],
  ['dangles', 'baseline/naive/attach/between', 'dangling reference'],
  ['dangles', 'baseline/naive/detach/between', 'dangling reference'],
] as const)('counting naively in the order that %s and dying at %s is seen', async (order, point, expected) => {
  const survivor = await start(1, 'survivor');
  const clean = await pod.task(1, 'survivor', 'naive-counting', { role: 'prepare', order, partners: [] });
  expect(clean).toEqual({ problems: [], liveBlocks: 1, references: 1 });
  // Odd: at the block that both refer to, where the client passes a point twice in a turn.
  const victim = await start(2, 'victim', point, 1_001);
  const dying = pod.task(2, 'victim', 'naive-counting', { role: 'victim', order, partners: [survivor] });
  await expect(dying).rejects.toMatchObject({ code: 'WORKER_DIED' });

  const { problems } = await pod.task(1, 'survivor', 'naive-counting', { role: 'recover', order, partners: [victim] });

  expect(problems).toEqual(expect.arrayContaining([expect.stringContaining(expected)]));
});
