/** Workers whose ends are hard to see, or that die before they are needed: with a process that only pretends to join. */
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Fence } from '../../src/daemon/fence.ts';
import { fenceMaker } from '../../src/daemon/fence.ts';
import { LogFile } from '../../src/daemon/log-file.ts';
import type { SharedMemory } from '../../src/daemon/shared-memory.ts';
import { WorkerRecords } from '../../src/daemon/worker-records.ts';
import { Workers } from '../../src/daemon/workers.ts';
import type { AgentEvent } from '../../src/protocol/index.ts';
import { isGone, until } from './until.ts';

const pretender = `
import { Socket } from 'node:net';
const agent = new Socket({ fd: 3, readable: true, writable: true });
const send = (report) => agent.write(JSON.stringify(report) + '\\n');
agent.on('data', (bytes) => {
  const { id } = JSON.parse(bytes);
  send({ report: 'done', id, result: { client: { id: 0, incarnation: 1 } } });
});
agent.on('end', () => process.exit(0));
send({ report: 'ready' });
`;

let folder: string;
let workers: Workers;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-workers-'));
  writeFileSync(join(folder, 'worker.mjs'), pretender);
});
afterEach(async () => workers?.close());
afterAll(() => rmSync(folder, { recursive: true }));

/** Workers in fences that do as `change` says. */
function start(change: (fence: Fence) => Partial<Fence> = () => ({})) {
  const admitted: number[] = [];
  const buried: number[] = [];
  const events: AgentEvent[] = [];
  let removed = 0;
  const groups = fenceMaker(null);
  const make = (name: string): Fence => {
    const fence = groups.make(name);
    const plain: Fence = {
      admit: (pid) => {
        admitted.push(pid);
        fence.admit(pid);
      },
      kill: () => fence.kill(),
      isEmpty: () => fence.isEmpty(),
      remove: () => {
        removed++;
      },
    };
    return { ...plain, ...change(plain) };
  };
  const file = { path: '/none', sizeBytes: 1 };
  const memory: SharedMemory = {
    configuration: { machine: 'm1', machineNumber: 1, pool: file, history: file },
    format: () => false,
    isFormatted: () => true,
    bury: (pid) => {
      buried.push(pid);
      return [{ id: 0, incarnation: 1 }];
    },
    buryMachine: () => [],
    clients: () => [],
    suspect: () => {},
    grant: async () => [],
    buryLost: () => [],
    clientOf: () => null,
    arm: () => {},
  };
  workers = new Workers({
    records: new WorkerRecords(join(folder, 'records')),
    ...{ folder, fences: { ...groups, make }, log: new LogFile(openSync('/dev/null', 'a')) },
    ...{ memory: () => memory, emit: (event: AgentEvent) => events.push(event), endLimitMs: 50 },
  });
  return { admitted, buried, events, removed: () => removed, memory };
}

test('an end that is not seen in time is told, and fenced when it is seen', async () => {
  let isHeld = true;
  const { buried, events, removed, memory } = start((fence) => ({ isEmpty: () => !isHeld && fence.isEmpty() }));
  const { pid } = await workers.start({ worker: 'w' }, memory);
  process.kill(pid, 'SIGKILL');
  await until('its end is told', () => events.length > 0);
  expect(events).toMatchObject([{ event: 'worker-exited', pid, fenced: null }]);
  expect({ buried, removed: removed() }).toEqual({ buried: [], removed: 0 });

  isHeld = false;
  await until('that is told', () => events.length > 1);
  expect(events[1]).toMatchObject({ event: 'worker-fenced', worker: 'w', pid, fenced: { id: 0, incarnation: 1 } });
  expect({ buried, removed: removed() }).toEqual({ buried: [pid], removed: 1 });
});

test('a fence that cannot be looked at is one that was not seen empty, and no end of the agent', async () => {
  let isBroken = true;
  const { buried, events, memory } = start((fence) => ({
    isEmpty: () => {
      if (isBroken) throw new Error('nothing to be seen');
      return fence.isEmpty();
    },
  }));
  const { pid } = await workers.start({ worker: 'w' }, memory);
  process.kill(pid, 'SIGKILL');
  await until('its end is told', () => events.length > 0);
  expect(events).toMatchObject([{ fenced: null }]);
  isBroken = false;
  await until('it is fenced', () => buried.length > 0);
});

test('a spare that died is not handed out', async () => {
  const { admitted, removed, memory } = start();
  workers.prepareSpare();
  const spare = admitted[0]!;
  // Loaded, or else it is the failure to load that removes it.
  await until('the spare is loaded', () => workers.loadedSpares === 1);
  process.kill(spare, 'SIGKILL');
  await until('its end was seen', () => removed() === 1);
  const { pid } = await workers.start({ worker: 'w' }, memory);
  expect(pid).not.toBe(spare);
});

test('two spares are started, one after the other, and are the next two workers', async () => {
  const { admitted, memory } = start();
  for (const count of [1, 2]) {
    workers.prepareSpare();
    workers.prepareSpare();
    expect(admitted).toHaveLength(count);
    await until('the spare is loaded', () => workers.loadedSpares === count);
  }
  workers.prepareSpare();
  expect(admitted).toHaveLength(2);
  const first = await workers.start({ worker: 'v' }, memory);
  const second = await workers.start({ worker: 'w' }, memory);
  expect([first.pid, second.pid]).toEqual(admitted);
});

test('no spare is started beside something that runs', async () => {
  const { admitted } = start();
  await workers.undisturbed(async () => {
    workers.prepareSpare();
    expect(admitted).toEqual([]);
  });
  workers.prepareSpare();
  expect(admitted).toHaveLength(1);
});

test('a worker that cannot be put into its fence leaves neither process nor fence', async () => {
  let pid = 0;
  const { removed, memory } = start(() => ({
    admit: (given) => {
      pid = given;
      throw new Error('full');
    },
  }));
  await expect(workers.start({ worker: 'w' }, memory)).rejects.toMatchObject({ code: 'WORKER_START_FAILED' });
  expect(removed()).toBe(1);
  await until('it is gone', () => isGone(pid));
});

test('closing twice ends all once, the spare too', async () => {
  const { admitted, buried, memory } = start();
  const { pid } = await workers.start({ worker: 'w' }, memory);
  workers.prepareSpare();
  await Promise.all([workers.close(), workers.close()]);
  expect(admitted.map(isGone)).toEqual([true, true]);
  expect(buried).toEqual([pid]);
  await workers.close();
  await expect(workers.start({ worker: 'x' }, memory)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});
