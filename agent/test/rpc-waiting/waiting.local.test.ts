/** Ways to wait, between processes: each answers, an idle server costs little, three ends share two cores. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as passTime } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Connection, connect } from '../../src/rpc/caller.ts';
import { readStatisticsFile } from '../../src/rpc/read-statistics.ts';
import { waitingStrategies } from '../../src/rpc/wait.ts';
import { joinedCores, poolFiles } from '../pool/pool-files.ts';
import type { Part } from './participant.ts';

const program = fileURLToPath(new URL('../../dist/test-waiting-participant.mjs', import.meta.url));
const generous = { deadlineMs: 60_000 };
/** As participant.ts has them. */
const askCpu = 1;
const callsEach = 300;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

/** What its role returns; rejects when it ends without. */
function participate(part: Part): Promise<unknown> {
  const { poolPath, poolSizeBytes, historyPath, historySizeBytes } = part.files;
  const plain: Part = { ...part, files: { poolPath, poolSizeBytes, historyPath, historySizeBytes } };
  const child: ChildProcess = fork(program, [JSON.stringify(plain)], { execArgv: [] });
  const result = new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve);
    once(child, 'exit').then(([code, signal]) => reject(new Error(`${part.role} ended with ${code ?? signal}`)), reject);
  });
  result.catch(() => undefined);
  return result;
}

function cpuMsOf(connection: Connection): number {
  const answer = connection.callSync(new Uint8Array(8), { ...generous, method: askCpu });
  return new DataView(answer.buffer, answer.byteOffset, 8).getFloat64(0, true) / 1_000;
}

describe.each(waitingStrategies)('ends that wait by %s', (waiting) => {
  test('answer every call, in a row and after gaps, of both sides', async () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    const server = participate({ role: 'serve', files, machineNumber: 2, service: 'gaps', waiting });
    const connection = connect(core!, 'gaps', { ...generous, waiting });
    for (let number = 0; number < callsEach; number++) {
      expect([...connection.callSync(Uint8Array.of(number), generous)]).toEqual([number % 256]);
    }
    // What the server has come to differs: it spins, pauses, yields, has just begun to sleep, sleeps as long as it ever does.
    for (const gapMs of [0.01, 0.03, 0.07, 0.2, 1, 5, 50, 200]) {
      const startedMs = performance.now();
      if (gapMs >= 1) await passTime(gapMs);
      else while (performance.now() - startedMs < gapMs);
      expect([...connection.callSync(Uint8Array.of(7), generous)]).toEqual([7]);
    }
    // The last answer may still be looked at, and is not in flight.
    expect(readStatisticsFile(files.poolPath)).toMatchObject([{ state: 'open', sent: callsEach + 8, inFlight: 0 }]);
    connection.release();
    const slot = connection.begin()!;
    connection.send(slot, 1, 0);
    expect(readStatisticsFile(files.poolPath)).toMatchObject([{ sent: callsEach + 9, inFlight: 1 }]);
    while (connection.poll(slot) === undefined);
    connection.finish(slot);
    connection.callBatch(1_000, 64, { ...generous, depth: 4 });
    connection.close();

    expect(await server).toBe('closed');
    expect(readStatisticsFile(files.poolPath)).toMatchObject([
      {
        service: 'gaps',
        state: 'closed',
        sent: callsEach + 9 + 1_000,
        late: 0,
        methods: [{ calls: callsEach + 9 + 1_000, failed: 0 }],
      },
    ]);
  });

  // Without a yield or a sleep, who waits takes the core of who is waited for until its time slice is over: that is what it does.
  test.skipIf(waiting === 'spin')('share two cores among three: a server and two callers', async () => {
    using files = poolFiles();
    joinedCores(files, 1);
    const server = participate({ role: 'serve-two', files, machineNumber: 2, service: '', waiting });
    const callers = ['one', 'two'].map((service, number) =>
      participate({ role: 'call', files, machineNumber: 3 + number, service, waiting }),
    );

    expect(await Promise.all(callers)).toEqual([callsEach, callsEach]);
    expect(await server).toBe(2 * callsEach);
  });
});

test('a server that waits as it does by default uses less than 5 % of a core while it is idle, and answers then', async () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const server = participate({ role: 'serve', files, machineNumber: 2, service: 'idle', waiting: 'adaptive' });
  const connection = connect(core!, 'idle', generous);
  for (let number = 0; number < 2_000; number++) connection.callSync(Uint8Array.of(1), generous);
  const beforeMs = cpuMsOf(connection);
  const startedMs = performance.now();
  await passTime(2_000);
  const usedMs = cpuMsOf(connection) - beforeMs;
  const idleMs = performance.now() - startedMs;
  connection.close();

  expect(await server).toBe('closed');
  expect((usedMs / idleMs) * 100).toBeLessThan(5);
});
