/**
 * A million calls, in flight by the window on several connections, of random sizes, answered in any order, sent again or given up now and
 * then, while servers and callers are killed at every crash point of calls and at no point at all: each is executed once at most and ends once.
 * CXLPOD_SEED takes a seed back: it brings the same choices, not the same run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crashPoints } from '../../src/crash-points/index.ts';
import { inspectPoolFile } from '../../src/inspect/index.ts';
import {
  type ArmedCrash,
  fenceProcess,
  formatPool,
  instantiateCore,
  joinPool,
  leavePool,
  mapPool,
  recoverClient,
} from '../../src/pool/pool.ts';
import { type PoolFiles, poolFiles } from '../pool/pool-files.ts';
import { randomFrom } from '../sim/schedules.ts';
import { CallLog, callerLimit, historySizeBytes, logBytes, outcome } from './call-log.ts';
import type { Part } from './soak-worker.ts';

const isDeep = process.env.CXLPOD_DEEP === '1';
const callsWanted = Number(process.env.CXLPOD_CALLS ?? (isDeep ? 10_000_000 : 1_000_000));
const seed = Number(process.env.CXLPOD_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Room in the log: the deaths must not outlast the numbers. */
const callsPerCaller = 2 * callsWanted;
const processesOfRole = 2;
const connectionsOfProcess = 4;
const killsOfEach = isDeep ? 12 : 4;
const limitMs = isDeep ? 1_800_000 : 600_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cxlpod-rpc-soak-'));
const program = join(folder, 'rpc-soak-worker.mjs');

beforeAll(async () => {
  for (const name of ['core.wasm', 'addon.node']) copyFileSync(join(root, 'agent/dist', name), join(folder, name));
  const entryPoints = [fileURLToPath(new URL('soak-worker.ts', import.meta.url))];
  await build({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Role = Part['role'];

/** Which deaths a role is to die: at a crash point after so many passages, or some time after it began to work. */
type Death = ArmedCrash | 'killed';

function deathsOf(role: Role, random: () => number): Death[] {
  const prefixes = role === 'server' ? ['rpc/listen/', 'rpc/serve/'] : ['rpc/connect/', 'rpc/call/', 'rpc/close/'];
  const points = crashPoints.map(({ name }) => name).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  const isOften = (point: string): boolean => /^rpc\/(serve|call)\//.test(point);
  const armed = points.map((point): Death => ({ point, hit: 1 + Math.floor(random() * (isOften(point) ? 8_000 : 2)) }));
  const deaths = [...armed, ...Array.from({ length: killsOfEach }, (): Death => 'killed')];
  // Taken from the end. A caller closes when its server has died: while there are servers left to die.
  const isLate = (death: Death): boolean => typeof death === 'object' && death.point.startsWith('rpc/close/');
  return deaths
    .map((death) => ({ death, key: isLate(death) ? 1 : random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ death }) => death);
}

class Soak {
  readonly log: CallLog;
  readonly died: string[] = [];
  readonly #files: PoolFiles;
  readonly #core;
  readonly #random = randomFrom(seed);
  readonly #deaths: Record<Role, Death[]> = {
    server: deathsOf('server', this.#random),
    caller: deathsOf('caller', this.#random),
  };
  readonly #deathsWanted = this.#deaths.server.length + this.#deaths.caller.length;
  readonly #running = new Set<Promise<void>>();
  readonly killedCallers = new Set<number>();
  #places = 0;

  constructor(files: PoolFiles) {
    this.#files = files;
    const mapped = mapPool(files);
    this.#core = instantiateCore({ ...mapped, historySizeBytes }, { thread: 0 });
    this.log = CallLog.of(mapped, { calls: callsPerCaller });
    formatPool(this.#core, { machineNumber: 1 });
    joinPool(this.#core, { machineNumber: 1 });
  }

  get callers(): number {
    return this.#places;
  }

  start(): void {
    for (const role of ['server', 'caller'] as const) {
      for (let count = 0; count < processesOfRole; count++) this.#follow(role);
    }
  }

  /** One process of a role after the other, each dying its death, until there is no death left; the last one lives until the stop. */
  #follow(role: Role): void {
    const running = this.#live(role);
    this.#running.add(running);
    running.catch(() => this.log.stop());
  }

  async #live(role: Role): Promise<void> {
    for (;;) {
      const death = this.#deaths[role].pop();
      const place = role === 'caller' ? this.#places++ : 0;
      if (place >= callerLimit) throw new Error('more callers than the log has places for');
      const { poolPath, poolSizeBytes, historyPath, historySizeBytes: mappedBytes } = this.#files;
      const part: Part = {
        role,
        files: { poolPath, poolSizeBytes, historyPath, historySizeBytes: mappedBytes },
        place,
        callsPerCaller,
        connections: connectionsOfProcess,
        seed: Math.floor(this.#random() * 2 ** 31),
        ...(typeof death === 'object' ? { crash: death } : {}),
      };
      const child = fork(program, [JSON.stringify(part)], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
      let said = '';
      child.stderr!.on('data', (chunk) => {
        said += chunk;
      });
      const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
      if (death === 'killed') void this.#killSoon(child, this.#random() * 300);
      const [code, signal] = await exit;
      if (code === 0) return;
      if (signal !== 'SIGKILL') throw new Error(`a ${role} ended with ${code ?? signal}: ${said}`);
      this.died.push(typeof death === 'object' ? death.point : 'killed');
      if (role === 'caller') this.killedCallers.add(place);
      const dead = fenceProcess(this.#core, { machineNumber: 2, pid: child.pid! });
      for (const client of dead) recoverClient(this.#core, client);
    }
  }

  /** Once it is at work, and a little later. */
  async #killSoon(child: ChildProcess, delayMs: number): Promise<void> {
    await once(child, 'message');
    await after(delayMs);
    child.kill('SIGKILL');
  }

  /** Until enough calls have ended and everybody has died who was to. */
  async finish(): Promise<void> {
    while (!this.log.isStopped && (this.log.ended() < callsWanted || this.died.length < this.#deathsWanted)) await after(10);
    this.log.stop();
    await Promise.all(this.#running);
    leavePool(this.#core);
  }
}

test(`${callsWanted} calls, seed ${seed}: none is lost, none is executed twice, whoever dies`, { timeout: limitMs }, async () => {
  using files = poolFiles({ historySizeBytes: historySizeBytes + logBytes({ calls: callsPerCaller }) });
  const startMs = performance.now();
  const soak = new Soak(files);
  soak.start();
  await soak.finish();
  const seconds = (performance.now() - startMs) / 1000;

  const { log } = soak;
  const counts = { answered: 0, givenUp: 0, unknown: 0, notSent: 0, leftByTheDead: 0, executedOfUnknown: 0 };
  const problems: string[] = [];
  for (let caller = 0; caller < soak.callers; caller++) {
    const [executions, outcomes] = [log.executions(caller), log.outcomes(caller)];
    const begun = log.begun(caller);
    for (let number = 0; number < begun; number++) {
      const executed = executions[number]!;
      const how = outcomes[number]!;
      if (executed > 1) problems.push(`call ${number} of caller ${caller} was executed ${executed} times`);
      if (how === outcome.answered && executed !== 1)
        problems.push(`call ${number} of caller ${caller} was answered and not executed`);
      if (how === outcome.notSent && executed !== 0)
        problems.push(`call ${number} of caller ${caller} was not sent and executed`);
      if (how === outcome.answered) counts.answered++;
      else if (how === outcome.givenUp) counts.givenUp++;
      else if (how === outcome.unknown) {
        counts.unknown++;
        counts.executedOfUnknown += executed;
      } else if (how === outcome.notSent) counts.notSent++;
      else counts.leftByTheDead++;
      if (how <= outcome.begun && !soak.killedCallers.has(caller))
        problems.push(`call ${number} of caller ${caller} never ended`);
    }
    if (executions.subarray(begun + 1).some((count) => count !== 0))
      problems.push(`calls were executed that caller ${caller} never made`);
  }
  expect(problems.slice(0, 20)).toEqual([]);
  expect(log.complaints()).toBe(0);
  expect(counts.answered + counts.givenUp + counts.unknown + counts.notSent).toBeGreaterThanOrEqual(callsWanted);
  const { clients, ...pool } = inspectPoolFile(files.poolPath);
  expect(pool).toMatchObject({ problems: [], connections: [] });
  expect(clients.filter(({ state }) => state !== 'free')).toEqual([]);
  const points = new Set(soak.died.filter((death) => death !== 'killed'));
  const expected = crashPoints.map(({ name }) => name).filter((name) => name.startsWith('rpc/'));
  expect([...points].sort()).toEqual(expected.sort());
  console.log(
    `soak of calls, seed ${seed}: ${JSON.stringify(counts)} in ${seconds.toFixed(0)} s; ` +
      `${soak.died.length} processes killed, at ${points.size} crash points and ${soak.died.length - points.size} times anywhere`,
  );
});
