/**
 * Processes that work in one heap, and die in it: some by a SIGKILL at any moment, some at a crash point, some while they recover
 * others. The undertaker sees each end, fences, recovers or lets a survivor do it, stops everybody between two operations, and recounts
 * the heap with the survivors in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crashPointName, crashPoints } from '../../src/crash-points/index.ts';
import { readHistoryFile } from '../../src/history/index.ts';
import { inspectPool, type PoolInspection } from '../../src/inspect/index.ts';
import { codes } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import {
  type Core,
  fenceProcess,
  formatPool,
  instantiateCore,
  introduceTo,
  type MapOptions,
  mapPool,
  recoverClient,
} from '../../src/pool/pool.ts';
import type { ClientIdentity } from '../../src/protocol/messages.ts';
import { operationNames, randomNumbers, writeName } from './random-client.ts';
import { commands, Line, lineLimit, pauseWord, warm, working } from './soak-lines.ts';
import type { Part } from './soak-worker.ts';

const deadlineMs = 60_000;
const lookAgainAfterMs = 1;
/** How long an armed worker may take to come by its crash point before it is killed as it is. */
const armedLimitMs = 400;

const workingCount = 5;
const spareCount = 3;
const clientsPerWorker = 2;
const undertakerMachine = 9;

export interface SoakOptions {
  /** A bundle of soak-worker.ts. */
  readonly program: string;
  readonly files: MapOptions;
  readonly seed: number;
  /** Whether clients read what they hold no reference to. */
  readonly looks: boolean;
  /** Where a pool goes in which the audit found something. */
  readonly keepAt: string;
}

export interface SoakReport {
  /** Processes killed: at a crash point, and at any moment. */
  readonly armed: number;
  readonly random: number;
  /** Clients that died with them. */
  readonly clients: number;
  /** Recoverers among the killed. */
  readonly recoverers: number;
  readonly audits: number;
  /** Operations of all workers. */
  readonly operations: number;
  /** Crash point, or `random`; then what a survivor was doing, and how often. */
  readonly pairs: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

interface Worker {
  readonly child: ChildProcess;
  readonly line: Line;
  readonly machineNumber: number;
  readonly closed: Promise<unknown>;
  end: { readonly signal: string | null; readonly code: number | null } | null;
  errors: string;
}

/** The crash points of the heap. */
export const shmPoints = crashPoints.filter(({ name }) => name.startsWith('shm/'));
/** Passed by recoverers only. */
const resolvePoints = shmPoints.filter(({ name }) => name.startsWith('shm/resolve/'));
const transactionPoints = shmPoints.filter(({ name }) => /^shm\/(attach|detach|change|release|move)\//.test(name));
const relinquishing = /^shm\/(resolve|relinquish|drain|detach|close|abandon|free-segment|free-huge)\/|^pool\/recover\//;
const recoveryPoints = crashPoints.filter(({ name }) => relinquishing.test(name));

/** Passed by who finds a corpse that is nobody's, which takes a death right here. */
const reclaiming = shmPoints.find(({ name }) => name === 'shm/sweep/after-reclaim')!.number;
const leavingCorpse = shmPoints.find(({ name }) => name === 'shm/drain/after-pop')!.number;

export class Soak implements AsyncDisposable {
  readonly #options: SoakOptions;
  readonly #core: Core;
  readonly #random: () => number;
  readonly #workers = new Set<Worker>();
  readonly #deck: number[] = [];
  /** Somebody died on purpose with a corpse in its hands. */
  #leftCorpse = false;
  readonly #pairs = new Map<string, Map<string, number>>();
  /** What was seen to die at a crash point. */
  readonly #fired: { pid: number; point: string }[] = [];
  #randomKills = 0;
  #clients = 0;
  #recoverers = 0;
  #audits = 0;
  #operations = 0;
  #spawned = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = randomNumbers(options.seed);
    // The undertaker is the test itself: told what it found, rather than killed.
    native().die = () => {
      throw this.#failure('an invariant of the core does not hold for the undertaker; standard error says which');
    };
    this.#core = instantiateCore(mapPool(options.files), { thread: 0 });
    const heap = { clients: 64, pageBytes: 1024, segmentBytes: 32768, names: 16, queues: 32, queueCapacity: 8 } as const;
    formatPool(this.#core, { machineNumber: undertakerMachine, heap });
    introduceTo(this.#core, { machineNumber: undertakerMachine });
  }

  get kills(): number {
    return this.#fired.length + this.#randomKills;
  }

  /** Some die, are recovered, and the heap is whole. */
  async round(): Promise<void> {
    await this.#muster();
    const crew = this.#working();
    const victims = this.#shuffled(crew).slice(0, 1 + this.#below(workingCount - 2));
    const survivors = crew.filter((worker) => !victims.includes(worker));
    const wantsResolve = this.#below(5) === 0;
    await Promise.all(victims.map((victim) => this.#kill(victim, survivors, wantsResolve)));
    const dead = victims.flatMap((victim) => this.#fence(victim));
    await this.#recover(dead, survivors, wantsResolve);
    const living = survivors.filter(({ end }) => end === null);
    await this.#pause(living);
    this.#audit();
  }

  /** Everybody dies; then every byte must come back. */
  async finish(): Promise<SoakReport> {
    this.#resume();
    const crew = this.#working();
    await Promise.all(crew.map((worker) => this.#kill(worker, [], false)));
    const dead = crew.flatMap((worker) => this.#fence(worker));
    for (const client of dead) recoverClient(this.#core, client);
    this.#audit();
    this.#emptyHeap();
    this.#requireLastWords();
    return {
      armed: this.#fired.length,
      random: this.#randomKills,
      clients: this.#clients,
      recoverers: this.#recoverers,
      audits: this.#audits,
      operations: this.#operations,
      pairs: this.#pairs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#workers) child.kill('SIGKILL');
    await Promise.all([...this.#workers].map(({ closed }) => closed));
  }

  // -- workers --------------------------------------------------------------------------------------------------------------

  #working(): Worker[] {
    return [...this.#workers].filter(({ line, end }) => end === null && line.get('done') > 0);
  }

  /** Enough workers that work. Processes start while everybody else sleeps: they take most of the time there is. */
  async #muster(): Promise<void> {
    while (this.#workers.size < workingCount + spareCount) this.#spawn();
    let missing = workingCount - this.#working().length;
    const ready = (): Worker[] => [...this.#workers].filter(({ line }) => line.get('state') === warm);
    await this.#until('new workers', () => ready().length >= missing);
    this.#resume();
    for (const { line } of ready().slice(0, missing)) {
      line.command(commands.work);
      missing--;
    }
    const crew = (): Worker[] =>
      this.#working().filter(({ line }) => line.get('state') === working && line.get('operations') > 100);
    await this.#until('work', () => crew().length >= workingCount);
  }

  #spawn(): void {
    const taken = new Set([...this.#workers].map(({ line }) => line.number));
    const number = Array.from({ length: lineLimit }, (_, each) => each).find((each) => !taken.has(each))!;
    const line = new Line(this.#core, number);
    line.clear();
    const { poolPath, poolSizeBytes, historyPath, historySizeBytes } = this.#options.files;
    const machineNumber = 1 + (number % 3);
    const part: Part = {
      files: { poolPath, poolSizeBytes, historyPath, historySizeBytes },
      parent: process.pid,
      line: number,
      machineNumber,
      clients: clientsPerWorker,
      looks: this.#options.looks,
      seed: this.#options.seed * 100_003 + this.#spawned++,
    };
    const child = spawn(process.execPath, [this.#options.program, JSON.stringify(part)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const worker: Worker = { child, line, machineNumber, closed: once(child, 'close'), end: null, errors: '' };
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      worker.errors += text;
    });
    child.on('exit', (code, signal) => {
      worker.end = { code, signal };
    });
    this.#workers.add(worker);
  }

  // -- deaths ---------------------------------------------------------------------------------------------------------------

  async #kill(victim: Worker, survivors: readonly Worker[], midTransaction: boolean): Promise<void> {
    if (this.#below(20) < 13) {
      const point = midTransaction ? this.#pick(transactionPoints).number : this.#nextPoint();
      victim.line.command(commands.arm, point, point === reclaiming ? 1 : 1 + Math.floor(this.#random() ** 3 * 12));
      if (await this.#seesEnd(victim, armedLimitMs)) return this.#bookEnd(victim, survivors);
    } else {
      await delay(this.#below(4));
    }
    // It may come by its crash point just now.
    const doing = survivors.map(({ line }) => line.get('operation'));
    victim.child.kill('SIGKILL');
    await this.#seesEnd(victim, deadlineMs);
    await this.#bookEnd(victim, survivors, doing);
  }

  async #seesEnd(worker: Worker, limitMs: number): Promise<boolean> {
    const limit = Date.now() + limitMs;
    while (worker.end === null && Date.now() < limit) await delay(lookAgainAfterMs);
    return worker.end !== null;
  }

  async #bookEnd(victim: Worker, survivors: readonly Worker[], doing?: readonly number[]): Promise<void> {
    await victim.closed;
    const { end, errors, line, child } = victim;
    if (end?.signal !== 'SIGKILL' || errors !== '')
      throw this.#failure(`worker ${child.pid} ended by itself (${end?.signal ?? end?.code}): ${errors}`);
    this.#operations += line.get('operations');
    let point = 'random';
    if (line.get('seen') === 1) {
      // A recoverer has had other commands since, or has not seen yet that it is not armed any more.
      point = this.#armedRecoverers.get(victim) ?? crashPointName(line.get('first'))!;
      this.#fired.push({ pid: child.pid!, point });
    } else {
      this.#randomKills++;
    }
    survivors.forEach((survivor, index) => {
      const operation = line.get('seen') === 1 ? line.other(survivor.line.number) : (doing?.[index] ?? 0);
      const name = operationNames[operation]!;
      const ofPoint = this.#pairs.get(point) ?? new Map<string, number>();
      this.#pairs.set(point, ofPoint.set(name, (ofPoint.get(name) ?? 0) + 1));
    });
  }

  #fence(worker: Worker): readonly ClientIdentity[] {
    this.#workers.delete(worker);
    const clients = fenceProcess(this.#core, { machineNumber: worker.machineNumber, pid: worker.child.pid! });
    this.#clients += clients.length;
    return clients;
  }

  // -- recovery -------------------------------------------------------------------------------------------------------------

  readonly #armedRecoverers = new Map<Worker, string>();

  /** By the undertaker; or by a survivor, who may die of it. The others work on. */
  async #recover(dead: readonly ClientIdentity[], survivors: readonly Worker[], wantsResolve: boolean): Promise<void> {
    const order = this.#shuffled(dead);
    if (survivors.length > 1 && order.length > 0 && (wantsResolve || this.#below(4) === 0)) {
      const recoverer = this.#pick(survivors);
      const point = this.#pick(wantsResolve ? resolvePoints : recoveryPoints);
      const others = survivors.filter((each) => each !== recoverer);
      this.#armedRecoverers.set(recoverer, point.name);
      const commandsToGive = [
        [commands.arm, point.number, 1 + this.#below(2)],
        ...order.map(({ id, incarnation }) => [commands.recover, id, incarnation]),
        [commands.arm, 0, 0],
      ] as const;
      for (const [kind, first, second] of commandsToGive) {
        const number = recoverer.line.command(kind!, first, second);
        await this.#until('a recoverer', () => recoverer.line.get('done') === number || recoverer.end !== null, [recoverer]);
        if (recoverer.end !== null) break;
        if (kind === commands.recover) this.#requireAnswer(recoverer.line.get('answer'));
      }
      if (recoverer.end !== null) {
        this.#recoverers++;
        await this.#bookEnd(recoverer, others);
        order.push(...this.#fence(recoverer));
      }
      this.#armedRecoverers.delete(recoverer);
    }
    for (const client of order) recoverClient(this.#core, client);
  }

  #requireAnswer(answer: number): void {
    if (answer !== codes.OK) throw this.#failure(`a recovery answered ${answer}`);
  }

  // -- audit ----------------------------------------------------------------------------------------------------------------

  async #pause(living: readonly Worker[]): Promise<void> {
    const number = Atomics.add(pauseWord(this.#core), 0, 1) + 1;
    await this.#until('everybody to stop', () => living.every(({ line }) => line.get('paused') === number));
  }

  #resume(): void {
    const word = pauseWord(this.#core);
    if (Atomics.load(word, 0) % 2 === 1) Atomics.add(word, 0, 1);
  }

  #audit(): PoolInspection {
    this.#audits++;
    const inspection = inspectPool(this.#core.pool, this.#options.files.poolSizeBytes);
    const { problems, heap } = inspection;
    if (problems.length > 0) throw this.#failure(problems.slice(0, 10).join('\n'));
    if (heap!.unreachable > 0) throw this.#failure(`${heap!.unreachable} objects are unreachable`);
    return inspection;
  }

  #emptyHeap(): void {
    const { exports } = this.#core;
    exports.join(undertakerMachine, process.pid, 0);
    exports.shmOpen(0);
    const { heap } = this.#audit();
    for (const { name } of heap!.names) this.#clearName(name);
    exports.shmCollect();
    exports.leave();
    const left = this.#audit().heap!;
    const claimed = left.segments.filter(({ state }) => state !== 'free').length;
    if (left.objects + left.corpses + left.queues.length + claimed > 0) {
      throw this.#failure(
        `${left.objects} objects, ${left.corpses} corpses, ${left.queues.length} queues, ${claimed} segments are left after everybody`,
      );
    }
  }

  #clearName(name: string): void {
    const code = this.#core.exports.shmSetName(writeName(this.#core, name), 0);
    if (code !== codes.OK) throw this.#failure(`clearing the name ${name} answered ${code}`);
  }

  /** Every worker that was seen to die at a crash point has left its last words, and nobody else. */
  #requireLastWords(): void {
    const { records, problems, overflow } = readHistoryFile(this.#options.files.historyPath);
    const spoken = records.flatMap((record) => (record.kind === 'last-words' ? [`${record.pid} ${record.point}`] : [])).sort();
    const fired = this.#fired.map(({ pid, point }) => `${pid} ${point}`).sort();
    if (problems.length + overflow > 0 || spoken.join() !== fired.join()) {
      const unseen = spoken.filter((each) => !fired.includes(each));
      const silent = fired.filter((each) => !spoken.includes(each));
      throw this.#failure(
        `last words that were not seen: ${unseen}; deaths without last words: ${silent}; ${problems.join('; ')}`,
      );
    }
  }

  // -- small things ---------------------------------------------------------------------------------------------------------

  /** Looks again and again; whoever is not expected to die must not. */
  async #until(what: string, holds: () => boolean, mayDie: readonly Worker[] = []): Promise<void> {
    const limit = Date.now() + deadlineMs;
    while (!holds()) {
      for (const worker of this.#workers) {
        if (worker.end === null || mayDie.includes(worker)) continue;
        await worker.closed;
        throw this.#failure(
          `worker ${worker.child.pid} ended by itself (${worker.end.signal ?? worker.end.code}): ${worker.errors}`,
        );
      }
      if (Date.now() > limit) throw this.#failure(`waited ${deadlineMs} ms for ${what}`);
      await delay(lookAgainAfterMs);
    }
  }

  /** With everything that is needed to look into it. */
  #failure(what: string): Error {
    mkdirSync(dirname(this.#options.keepAt), { recursive: true });
    copyFileSync(this.#options.files.poolPath, this.#options.keepAt);
    const recent = this.#fired.slice(-6).map(({ pid, point }) => `${pid} at ${point}`);
    const doing = [...this.#workers].map(
      ({ child, line, end }) =>
        `${child.pid}: ${end === null ? 'lives' : 'ended'}, state ${line.get('state')}, ${operationNames[line.get('operation')]} after ${line.get('operations')}`,
    );
    return new Error(
      `seed ${this.#options.seed}, after ${this.kills} kills: ${what}\nlast deaths: ${recent.join(', ')}\nworkers: ${doing.join('; ')}\nthe pool is kept as ${this.#options.keepAt}`,
    );
  }

  #nextPoint(): number {
    if (this.#deck.length === 0) {
      const reachable = shmPoints.filter((point) => !resolvePoints.includes(point));
      this.#deck.push(...this.#shuffled(reachable.map(({ number }) => number)));
    }
    const point = this.#deck.pop()!;
    if (point !== reclaiming) return point;
    this.#leftCorpse = !this.#leftCorpse;
    if (!this.#leftCorpse) return point;
    this.#deck.push(reclaiming);
    return leavingCorpse;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #shuffled<T>(values: readonly T[]): T[] {
    const keyed = values.map((value) => ({ value, key: this.#random() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
  }
}
