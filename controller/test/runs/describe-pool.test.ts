import type { InspectedHeap, InspectedSegment, PoolInspection } from '@cxlpod/agent/inspect';
import { expect, test } from 'vitest';
import { describePool, describeShape } from '../../src/runs/describe-pool.ts';

const shape = {
  clientCount: 16,
  pageBytes: 4096,
  segmentBytes: 65536,
  segmentCount: 4096,
  pagesPerSegment: 16,
  nameCount: 64,
  queueCount: 65536,
  queueCapacity: 8,
  flushPolicy: 'host',
  coherence: 'hardware',
  erasOffset: 0,
  eraRowBytes: 0,
  clientsOffset: 0,
  namesOffset: 0,
  queuesOffset: 0,
  queueBytes: 0,
  segmentTableOffset: 0,
  segmentEntryBytes: 0,
  segmentsOffset: 0,
} as const;

const segment = (index: number, changes: Partial<InspectedSegment>): InspectedSegment => ({
  index,
  state: 'free',
  owner: null,
  incarnation: 0,
  position: 0,
  freePages: 16,
  blocks: 0,
  usedBlocks: 0,
  ...changes,
});

function inspectionWith(heap: Partial<InspectedHeap>, changes: Partial<PoolInspection> = {}): PoolInspection {
  const empty = { segments: [], clients: [], queues: [], names: [], objects: 0, objectBytes: 0, corpses: 0, unreachable: 0 };
  return {
    superblock: { state: 'formatted', layout: '0123456789abcdef', sizeBytes: 2 ** 28, formatterMachine: 1, formatterPid: 7 },
    clients: [],
    services: [],
    connections: [],
    heap: { shape, ...empty, ...heap },
    inUse: false,
    readings: 1,
    unsettled: 0,
    problems: [],
    findings: [],
    ...changes,
  };
}

const show = (inspection: PoolInspection): string => [...describePool(inspection)].join('\n');

test('a pool shows its segments by state and owner, and its clients with what they are in the middle of', () => {
  const segments = [
    segment(0, { state: 'owned', owner: 3, incarnation: 2, freePages: 5, blocks: 200, usedBlocks: 120 }),
    segment(1, { state: 'owned', owner: 3, incarnation: 2, freePages: 6, blocks: 100, usedBlocks: 1 }),
    segment(2, { state: 'abandoned', freePages: 15, blocks: 10, usedBlocks: 1 }),
    segment(3, {}),
  ];
  const transaction = { operation: 'attach', slot: 96, object: 4096, other: 0 };
  const client = {
    id: 3,
    era: 12,
    eraStart: 1,
    transaction,
    heldBytes: 131072,
    quotaBytes: 0,
    roots: 9,
    dying: 64,
    hazards: [128],
  };
  const joined = {
    id: 3,
    incarnation: 2,
    state: 'joined',
    machine: 1,
    pid: 99,
    heartbeat: 4,
    fencedIncarnation: 2,
    suspectedIncarnation: 1,
    recoverer: { id: 256, incarnation: 7 },
  } as const;

  const text = show(inspectionWith({ segments, clients: [client] }, { clients: [joined] }));

  expect(text).toMatch(/owned +client 3, incarnation 2 +2 +128 KiB +11 +300 +121\n/);
  expect(text).toMatch(/abandoned +1 +64\.0 KiB +15 +10 +1\n/);
  expect(text).toMatch(/3 +12 +1 +9 +128 KiB +none +attach of 4096 +64 +128\n/);
  expect(text).toMatch(/3 +2 +joined +1 +99 +4 +up to 1 +yes +client 256\n/);
  expect(text).toContain('problems: none');
});

test('a connection shows its peers and where they are, its window, and its calls', () => {
  const joined = {
    incarnation: 2,
    state: 'joined',
    pid: 99,
    heartbeat: 4,
    fencedIncarnation: 0,
    suspectedIncarnation: 0,
  } as const;
  const clients = [
    { ...joined, id: 3, machine: 1, recoverer: null },
    { ...joined, id: 4, machine: 2, recoverer: null },
  ];
  const open = {
    ...({ slot: 7, state: 'open', epoch: 9, server: 3, caller: 4, serverClosed: false, callerClosed: true } as const),
    ...{ window: 16, payloadBytes: 1024, inFlight: 5, served: 1234, refused: 1 },
  };
  const claimed = { ...open, slot: 8, state: 'claimed', caller: null, server: 6, window: null, payloadBytes: null } as const;

  const text = show(inspectionWith({}, { clients, connections: [open, claimed] }));

  expect(text).toMatch(/7 +open +9 +3 on machine 1 +4 on machine 2 +16 of 1\.0+ KiB +5 +1,234 +1 +caller\n/);
  expect(text).toMatch(/8 +claimed +9 +6, who is gone +none +5 /);
});

test('a pool in use says so, and how much of it is left out', () => {
  expect(show(inspectionWith({}, { inUse: true, readings: 3, unsettled: 5 }))).toContain(
    'a pool in use: counts may be off by operations in flight; read 3 times, and 5 findings left out',
  );
  expect(show(inspectionWith({}))).not.toContain('in use:');
});

test('whatever a pool holds, what is shown stays readable', () => {
  const queues = Array.from({ length: 65_536 }, (_, index) => ({
    index,
    state: 'open' as const,
    sender: 1,
    receiver: 2,
    senderClosed: false,
    receiverClosed: true,
    tag: '00000000000000ff',
    waiting: 3,
  }));
  const problems = Array.from({ length: 1_001 }, (_, index) => `the object at ${index} is wrong`);
  const findings = [{ kind: 'over-counted', count: 1_000_000, sentences: problems.slice(0, 5) }] as const;
  const segments = Array.from({ length: 4096 }, (_, index) => segment(index, {}));

  const text = show(inspectionWith({ queues, segments }, { problems, findings }));

  expect(text).toContain('... --json has 65,476 more');
  expect(text).toContain('problems (1,000,000 over-counted):');
  expect(text).toContain('... --json has 901 more');
  expect(text.split('\n').length).toBeLessThan(250);
});

test('a heap that nobody may open says why', () => {
  expect(describeShape({ shape: { ...shape, coherence: 'none' } })).toContain(
    'REFUSED to everybody: the device promises no coherence',
  );
});
