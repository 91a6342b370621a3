/** What a pod is like now: read from its files and asked of its agents each time somebody looks, never more often than that. */
import { existsSync } from 'node:fs';
import type { AgentEvent, AgentStatus } from '@cxlpod/agent/protocol';
import { openMachines } from '../cluster/open-pod.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { type PodState, readPodState } from '../cluster/pod-state.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { openPoolReader, type PoolReader, type PoolReading } from '../metrics/pool-reading.ts';
import type { Machine } from '../provider/provider.ts';
import { type MethodRow, methodRows } from '../runs/describe-statistics.ts';
import { type LiveRun, readLiveRun } from '../runs/live-run.ts';

export interface PodSnapshot {
  readonly pod: string;
  readonly at: string;
  /** Null when there is no pod of this name any more. */
  readonly state: Pick<PodState, 'phase' | 'startedAt' | 'environment' | 'topology'> | null;
  readonly machines: readonly MachineSnapshot[];
  /** Null when the pool cannot be read, with the reason in `problem`. */
  readonly reading: PoolReading | null;
  readonly problem: string | null;
  readonly methods: readonly MethodRow[];
  /** Operations a second that ended since the look before, of the last looks; oldest first. */
  readonly pace: readonly number[];
  readonly run: LiveRun | null;
  /** What the agents told since somebody looks, newest first. */
  readonly events: readonly SeenEvent[];
}

export interface MachineSnapshot {
  readonly machine: string;
  readonly number: number;
  readonly isAlive: boolean;
  readonly agent: AgentStatus | null;
  /** Why there is no agent's status. */
  readonly problem: string | null;
}

export interface SeenEvent {
  readonly at: string;
  readonly machine: string;
  readonly text: string;
}

const attachWithinMs = 2_000;
const answerWithinMs = 2_000;
const eventsKept = 40;
const paceKept = 120;
/** Looks that come sooner get what was seen last. */
const freshMs = 400;

interface Watched {
  readonly machine: Machine;
  agent: AgentConnection | null;
  problem: string | null;
}

export class PodWatch {
  readonly #pod: string;
  readonly #ending = new AbortController();
  readonly #events: SeenEvent[] = [];
  readonly #pace: number[] = [];
  #watched: readonly Watched[] = [];
  /** Of which state `#watched` is. */
  #known = '';
  #reader: PoolReader | null = null;
  #before: PoolReading | null = null;
  #last: { readonly atMs: number; readonly snapshot: Promise<PodSnapshot> } | null = null;

  constructor(pod: string) {
    this.#pod = pod;
  }

  /** Never rejects: whatever cannot be had is told in its place. Several who look at once get the same. */
  look(): Promise<PodSnapshot> {
    const now = performance.now();
    if (this.#last === null || now - this.#last.atMs > freshMs) {
      const before = this.#last?.snapshot ?? Promise.resolve(null);
      this.#last = { atMs: now, snapshot: before.then(() => this.#look()) };
    }
    return this.#last.snapshot;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#last?.snapshot;
    this.#reader?.close();
    await this.#forget(this.#watched);
  }

  async #look(): Promise<PodSnapshot> {
    const paths = podPaths(this.#pod);
    const at = new Date().toISOString();
    const state = await readPodState(paths).catch(() => null);
    await this.#follow(state);
    const machines = await Promise.all(this.#watched.map((each) => this.#ask(each)));
    const before = this.#before;
    const { reading, problem } =
      state === null ? { reading: null, problem: null } : this.#read(paths.poolFile, paths.historyFile);
    const seconds = before === null || reading === null ? 0 : (reading.atMs - before.atMs) / 1_000;
    if (before !== null && reading !== null) this.#notePace(before, reading, seconds);
    this.#before = reading;
    return {
      ...{ pod: this.#pod, at, state, machines, reading, problem },
      methods: reading === null ? [] : methodRows(reading.connections, before?.connections, seconds),
      pace: [...this.#pace],
      run: state === null ? null : readLiveRun(paths),
      events: [...this.#events],
    };
  }

  /** A pod may be taken down and brought up again, and machines may join. */
  async #follow(state: PodState | null): Promise<void> {
    const known = state === null ? '' : [state.startedAt, state.phase, ...(state.joined ?? [])].join(' ');
    if (known === this.#known) return;
    const old = this.#watched;
    this.#known = known;
    this.#watched = [];
    await this.#forget(old);
    if (state === null) this.#dropReader();
    if (state?.phase !== 'up') return;
    const machines = await openMachines(state).catch(() => []);
    this.#watched = machines.map((machine) => ({ machine, agent: null, problem: null }));
  }

  async #ask(watched: Watched): Promise<MachineSnapshot> {
    const { machine } = watched;
    const told = { machine: machine.name, number: machine.number };
    const isAlive = await machine.isAlive().catch(() => false);
    if (!isAlive) {
      await this.#drop(watched);
      return { ...told, isAlive, agent: null, problem: 'it does not run' };
    }
    try {
      watched.agent ??= await this.#attach(machine);
      const agent = await watched.agent.request('status', {}, { timeoutMs: answerWithinMs });
      return { ...told, isAlive, agent, problem: null };
    } catch (error) {
      // It may have ended, or another one stands in its place: the next look tries anew.
      await this.#drop(watched);
      return { ...told, isAlive, agent: null, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  async #attach(machine: Machine): Promise<AgentConnection> {
    const agent = await attachToMachine(machine, { attachWithinMs, signal: this.#ending.signal });
    agent.onEvent((event) => this.#note(machine.name, event));
    return agent;
  }

  async #drop(watched: Watched): Promise<void> {
    const { agent } = watched;
    watched.agent = null;
    await agent?.close().catch(() => {});
  }

  async #forget(watched: readonly Watched[]): Promise<void> {
    await Promise.allSettled(
      watched.map(async (each) => {
        await this.#drop(each);
        await each.machine.close();
      }),
    );
  }

  #read(poolFile: string, historyFile: string): Pick<PodSnapshot, 'reading' | 'problem'> {
    try {
      this.#reader ??= openPoolReader(poolFile, existsSync(historyFile) ? historyFile : null);
      return { reading: this.#reader.read(), problem: null };
    } catch (error) {
      this.#dropReader();
      return { reading: null, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #dropReader(): void {
    this.#reader?.close();
    this.#reader = null;
  }

  #notePace(before: PoolReading, now: PoolReading, seconds: number): void {
    const ended = Math.max(0, (now.history?.ends ?? 0) - (before.history?.ends ?? 0));
    this.#pace.push(seconds > 0 ? ended / seconds : 0);
    if (this.#pace.length > paceKept) this.#pace.shift();
  }

  #note(machine: string, event: AgentEvent): void {
    const text = describeEvent(event);
    if (text === null) return;
    this.#events.unshift({ at: new Date().toISOString(), machine, text });
    this.#events.splice(eventsKept);
  }
}

/** Null for what is told all the time. */
function describeEvent(event: AgentEvent): string | null {
  switch (event.event) {
    case 'worker-exited': {
      const how = event.signal ?? (event.exitCode === null ? 'untold' : `exit code ${event.exitCode}`);
      const fenced = event.fenced === null ? '' : `; fenced as client ${event.fenced.id}.${event.fenced.incarnation}`;
      return `worker ${event.worker} ended: ${how}${fenced}`;
    }
    case 'worker-fenced':
      return `worker ${event.worker} is gone after all`;
    case 'suspected':
      return `suspects ${event.suspects.length} clients of machine ${event.machineNumber}`;
    case 'unsuspected':
      return `${event.clients.map(({ id, incarnation, because }) => `client ${id}.${incarnation} ${because === 'gone' ? 'is gone' : 'beats again'}`).join(', ')}`;
    case 'log':
      return event.level === 'info' ? null : `${event.level}: ${event.message}`;
    case 'task-progress':
      return null;
  }
}
