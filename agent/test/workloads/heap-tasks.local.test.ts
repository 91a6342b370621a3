/** The tasks that work the heap, on two agents of this host: each finds its own result right, and the audit finds nothing left. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ClientIdentity, MeetingPlace } from '../../src/protocol/index.ts';
import { LocalPod, temporaryBundle } from '../local/local-pod.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;
const clients: ClientIdentity[] = [];
const worker = 'w';

beforeAll(async () => {
  bundle = await temporaryBundle();
  pod = await LocalPod.start(bundle.folder, { machines: 3 });
  for (const machine of [1, 2, 3]) clients.push((await pod.on(machine).request('startWorker', { worker })).client);
});
afterEach(() => {
  const { problems, heap } = pod.inspect();
  expect(problems).toEqual([]);
  expect(heap?.objects).toBe(0);
});
afterAll(async () => {
  await pod?.close();
  bundle?.remove();
});

let token = 0;
/** A place where so many clients meet, for each of them. */
function meetings(members: number): MeetingPlace[] {
  token++;
  return Array.from({ length: members }, (_, member) => ({ token, members, member }));
}

test.each([1, 2, 3])('threadtest with %i clients allocates and drops what it says', async (members) => {
  const parameters = { iterations: 5, objects: 1_000, objectBytes: 64 };
  const results = await Promise.all(
    meetings(members).map((meeting, member) => pod.task(member + 1, worker, 'threadtest', { meeting, ...parameters })),
  );
  for (const result of results) {
    expect(result).toMatchObject({ objects: 5_000, checked: 2_000 });
    expect(result.elapsedNs).toBeGreaterThan(0);
    expect(result.spans).toHaveLength(5);
  }
});

test('shbench keeps what it wrote in objects of every size', async () => {
  const parameters = { calls: 20_000, checkedCalls: 5_000, slots: 200, leastBytes: 64, mostBytes: 400, seed: 7 };
  const results = await Promise.all(
    meetings(2).map((meeting, member) => pod.task(member + 1, worker, 'shbench', { meeting, ...parameters })),
  );
  for (const result of results) expect(result).toMatchObject({ objects: 20_000, checked: 5_000 });
});

test.each(['copy', 'move', 'batch'] as const)('what is handed over by %s arrives as it was built', async (manner) => {
  const parameters = { tag: 17, structures: 500, objects: 5, objectBytes: 64, manner, batch: 16 };
  const [sent, received] = await Promise.all([
    pod.task(1, worker, 'hand-over', { role: 'sender', peer: clients[1]!, ...parameters }),
    pod.task(2, worker, 'hand-over', { role: 'receiver', peer: clients[0]!, ...parameters }),
  ]);
  expect(sent).toMatchObject({ structures: 500, objects: 2_500 });
  expect(received).toMatchObject({ structures: 500, objects: 2_500 });
});

const poem = [
  'Tyger Tyger, burning bright,',
  'In the forests of the night;',
  'What immortal hand or eye,',
  'Could frame thy fearful symmetry?',
  '„Größe“ naïve — 42',
].join('\n');

test('words counted through the heap are those of the text', async () => {
  const parameters = { text: poem, sizeBytes: 20_000, chunkBytes: 1_000, tag: 18 };
  const [mapper, ...reducers] = clients;
  const [mapped, ...reduced] = await Promise.all([
    pod.task(1, worker, 'word-count', { role: 'mapper', share: 0, shares: 1, peers: reducers, ...parameters }),
    pod.task(2, worker, 'word-count', { role: 'reducer', share: 0, shares: 2, peers: [mapper!], ...parameters }),
    pod.task(3, worker, 'word-count', { role: 'reducer', share: 1, shares: 2, peers: [mapper!], ...parameters }),
  ]);
  expect(reduced.reduce((sum, { words }) => sum + words, 0)).toBe(mapped.words);
  expect(reduced.reduce((sum, { distinct }) => sum + distinct, 0)).toBe(22);
  expect(mapped.words).toBeGreaterThan(2_500);
});

test('means computed through the heap are those of the points', async () => {
  const parameters = { tag: 19, points: 2_000, pointsPerBlock: 150, clusters: 3, iterations: 10, seed: 3 };
  const [coordinator, ...workers] = clients;
  const [clustered, ...worked] = await Promise.all([
    pod.task(1, worker, 'k-means', { role: 'coordinator', peers: workers, ...parameters }),
    pod.task(2, worker, 'k-means', { role: 'worker', peers: [coordinator!], ...parameters }),
    pod.task(3, worker, 'k-means', { role: 'worker', peers: [coordinator!], ...parameters }),
  ]);
  expect(clustered).toMatchObject({ points: 2_000, iterations: 10 });
  expect(clustered.means).toHaveLength(12);
  expect(worked.reduce((sum, { points }) => sum + points, 0)).toBe(2_000);
});
