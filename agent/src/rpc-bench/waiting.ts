/**
 * What each way of waiting costs and is worth: the CPU time of a server at several rates, open loop; the first call after idle gaps; three ends
 * on two cores. The other side of every figure is a caller that spins, in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { benchPool } from '../heap-bench/bench-pool.ts';
import { native } from '../pool/native.ts';
import { type Core, instantiateCore, joinPool, leavePool, type MapOptions, mapPool } from '../pool/pool.ts';
import { type Connection, connect } from '../rpc/caller.ts';
import { usableCores } from '../rpc/cores.ts';
import { listen } from '../rpc/server.ts';
import { Waiter, type WaitingStrategy, waitingStrategies } from '../rpc/wait.ts';

export interface WaitingFigures {
  readonly cores: number;
  readonly waitpkg: boolean;
  /** Threads that wanted a core in the last minute, before and after: above the cores, the figures say more of the host than of us. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly strategies: Readonly<Record<string, StrategyFigures>>;
}

interface StrategyFigures {
  /** What this CPU made of it. */
  readonly effective: WaitingStrategy;
  readonly rates: readonly RateFigures[];
  readonly gaps: readonly GapFigures[];
  readonly three: ThreeFigures;
}

interface RateFigures {
  /** Asked for; 0 for an idle server. */
  readonly callsPerSecond: number;
  readonly achieved: number;
  /** Of one core, of the server's whole process. */
  readonly serverCpuPercent: number;
  /** From the moment at which the call should have been sent. */
  readonly p50Us: number;
  readonly p99Us: number;
}

interface GapFigures {
  readonly gapUs: number;
  readonly calls: number;
  /** More than the median of calls that follow each other. */
  readonly extraP50Us: number;
  readonly extraMaxUs: number;
}

interface ThreeFigures {
  /** Of both callers together. */
  readonly callsPerSecond: number;
  readonly longestStallMs: number;
}

const rates = [0, 1_000, 10_000, 100_000] as const;
const gapsUs = [10, 100, 1_000, 10_000, 100_000, 1_000_000] as const;
const deadlineMs = 60_000;
const payload = new Uint8Array(64);
const askCpu = 1;
const usPerMs = 1_000;
const looksAmongOthers = 64;

/** `ms`: how long each rate is measured. */
export async function measureWaiting(file: string, ms: number, only: readonly string[]): Promise<WaitingFigures> {
  using pool = benchPool(4 * 1024 * 1024);
  const files = filesOf(pool.mapped);
  const core = instantiateCore(pool.mapped, { thread: 0 });
  joinPool(core, { machineNumber: 1 });
  const loadBefore = loadavg()[0]!;
  const strategies: Record<string, StrategyFigures> = {};
  for (const strategy of waitingStrategies.filter((each) => only.length === 0 || only.includes(each))) {
    strategies[strategy] = {
      effective: new Waiter(core, { strategy }).effective,
      ...(await withServer(file, files, strategy, core, ms)),
      three: await three(file, files, strategy, ms),
    };
  }
  leavePool(core);
  const { waitpkg } = native().cpuFeatures();
  return { cores: usableCores().own, waitpkg, loadBefore, loadAfter: loadavg()[0]!, strategies };
}

async function withServer(file: string, files: MapOptions, strategy: WaitingStrategy, core: Core, ms: number) {
  const server = start(file, { role: 'server', files, strategy, connections: 1, ms });
  const connection = connect(core, serviceOf(0), { deadlineMs, waiting: 'spin' });
  for (let call = 0; call < 20_000; call++) connection.callSync(payload, { deadlineMs });
  const figures = { rates: rates.map((rate) => atRate(connection, rate, ms)), gaps: afterGaps(connection) };
  connection.close();
  await server;
  return figures;
}

function atRate(connection: Connection, callsPerSecond: number, ms: number): RateFigures {
  const before = cpuOf(connection);
  const latenciesUs: number[] = [];
  const startedMs = performance.now();
  if (callsPerSecond === 0) spinUntil(startedMs + ms);
  else {
    const intervalMs = 1_000 / callsPerSecond;
    // A rate that the server cannot reach ends with the time, not with the calls.
    for (let call = 0; call * intervalMs < ms; call++) {
      const dueMs = startedMs + call * intervalMs;
      if (performance.now() > startedMs + 2 * ms) break;
      spinUntil(dueMs);
      connection.callSync(payload, { deadlineMs });
      latenciesUs.push((performance.now() - dueMs) * usPerMs);
    }
  }
  const after = cpuOf(connection);
  latenciesUs.sort((a, b) => a - b);
  return {
    callsPerSecond,
    achieved: rounded((latenciesUs.length / (after.ms - before.ms)) * 1_000),
    serverCpuPercent: rounded(((after.cpuMs - before.cpuMs) / (after.ms - before.ms)) * 100),
    p50Us: rounded(quantile(latenciesUs, 0.5)),
    p99Us: rounded(quantile(latenciesUs, 0.99)),
  };
}

function afterGaps(connection: Connection): readonly GapFigures[] {
  const inARow = Array.from({ length: 2_000 }, () => timed(connection)).sort((a, b) => a - b);
  const usualUs = quantile(inARow, 0.5);
  return gapsUs.map((gapUs) => {
    const calls = Math.max(3, Math.min(500, Math.floor(500_000 / gapUs)));
    const extraUs = Array.from({ length: calls }, () => {
      spinUntil(performance.now() + gapUs / usPerMs);
      return Math.max(0, timed(connection) - usualUs);
    }).sort((a, b) => a - b);
    return { gapUs, calls, extraP50Us: rounded(quantile(extraUs, 0.5)), extraMaxUs: rounded(extraUs.at(-1)!) };
  });
}

/** A server of two connections and two callers, all of which wait in the same way. */
async function three(file: string, files: MapOptions, strategy: WaitingStrategy, ms: number): Promise<ThreeFigures> {
  const server = start(file, { role: 'server', files, strategy, connections: 2, ms });
  const callers = [0, 1].map((number) => start(file, { role: 'caller', files, strategy, connections: number, ms }));
  const said = await Promise.all(callers.map(async (caller) => JSON.parse(await caller) as ThreeFigures));
  await server;
  return {
    callsPerSecond: rounded(said.reduce((sum, each) => sum + each.callsPerSecond, 0)),
    longestStallMs: rounded(Math.max(...said.map(({ longestStallMs }) => longestStallMs))),
  };
}

// ---- the other processes

interface Part {
  readonly role: 'server' | 'caller';
  readonly files: MapOptions;
  readonly strategy: WaitingStrategy;
  /** Of a server, how many it opens; of a caller, the number of its own. */
  readonly connections: number;
  readonly ms: number;
}

/** What a process of this measurement does: `node rpc-bench.mjs waiting-part {...}`. */
export function takePart(text: string): void {
  const part = JSON.parse(text) as Part;
  native().setParentDeathSignal(process.ppid);
  const core = instantiateCore(mapPool(part.files), { thread: 0 });
  joinPool(core, { machineNumber: part.role === 'server' ? 2 : 3 + part.connections });
  if (part.role === 'server') serveAll(core, part);
  else process.stdout.write(JSON.stringify(callInARow(core, part)));
  leavePool(core);
}

function serveAll(core: Core, { strategy, connections }: Part): void {
  let servers = Array.from({ length: connections }, (_, number) => listen(core, serviceOf(number), { waiting: strategy }));
  // Only who has one connection can watch the entry that comes next.
  const alone = connections === 1 ? servers[0] : undefined;
  const waiter = alone?.waiter ?? new Waiter(core, { strategy });
  const endMs = performance.now() + 2 * deadlineMs;
  while (servers.length !== 0 && performance.now() < endMs) {
    let hasWorked = false;
    for (const server of servers) {
      const state = server.poll(answer, alone === undefined ? Math.min(waiter.looks, looksAmongOthers) : waiter.looks, 64);
      if (state === 'served') hasWorked = true;
      if (state !== 'closed' && state !== 'peer-lost' && state !== 'aborted') continue;
      server.close();
      servers = servers.filter((other) => other !== server);
    }
    const leftMs = endMs - performance.now();
    if (hasWorked) waiter.worked();
    else if (alone !== undefined) alone.idle(leftMs);
    else waiter.idle(leftMs);
  }
  for (const server of servers) server.close();
  waiter.stop();
}

function answer(request: Uint8Array, response: Uint8Array, method: number): number {
  if (method !== askCpu) {
    response.set(request);
    return request.length;
  }
  const { user, system } = process.cpuUsage();
  new DataView(response.buffer, response.byteOffset, 8).setFloat64(0, (user + system) / usPerMs, true);
  return 8;
}

function callInARow(core: Core, { strategy, connections, ms }: Part): ThreeFigures {
  const connection = connect(core, serviceOf(connections), { deadlineMs, waiting: strategy });
  const warmUpMs = performance.now() + ms / 4;
  while (performance.now() < warmUpMs) connection.callSync(payload, { deadlineMs });
  const startedMs = performance.now();
  let calls = 0;
  let longestStallMs = 0;
  for (let before = startedMs; before - startedMs < ms; calls++) {
    connection.callSync(payload, { deadlineMs });
    const now = performance.now();
    longestStallMs = Math.max(longestStallMs, now - before);
    before = now;
  }
  const callsPerSecond = (calls / (performance.now() - startedMs)) * 1_000;
  connection.close();
  return { callsPerSecond, longestStallMs };
}

/** What it printed; rejects when it fails. */
function start(file: string, part: Part): Promise<string> {
  const child = spawn(process.execPath, [file, 'waiting-part', JSON.stringify(part)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  return once(child, 'close').then(([code, signal]) => {
    if (code !== 0) throw new Error(`a process of the measurement ended with ${code ?? signal}`);
    return text;
  });
}

function cpuOf(connection: Connection): { readonly cpuMs: number; readonly ms: number } {
  const answer = connection.callSync(payload, { deadlineMs, method: askCpu });
  return { cpuMs: new DataView(answer.buffer, answer.byteOffset, 8).getFloat64(0, true), ms: performance.now() };
}

function timed(connection: Connection): number {
  const startedMs = performance.now();
  connection.callSync(payload, { deadlineMs });
  return (performance.now() - startedMs) * usPerMs;
}

function spinUntil(ms: number): void {
  while (performance.now() < ms);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function serviceOf(number: number): string {
  return `waiting-${number}`;
}

function filesOf({ poolPath, poolSizeBytes, historyPath, historySizeBytes }: MapOptions): MapOptions {
  return { poolPath, poolSizeBytes, historyPath, historySizeBytes };
}
