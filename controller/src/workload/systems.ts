/**
 * Ways for a caller on one machine to ask a server on another: HydraRPC, its floor in C, one bounced word, TCP, gRPC, and where both are on one
 * host a unix socket. Each can be measured in every round of a run.
 */
import { join } from 'node:path';
import type { CallSummary, LatencyCounts, Span } from '@cxlpod/agent/protocol';
import { grpcBundle } from '../deploy/agent-bundle.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { both } from './both.ts';
import { type ComparedSystem, rotated } from './compare.ts';
import { runFloor } from './floor.ts';
import { portOf } from './port-of.ts';
import type { WorkloadContext } from './workload.ts';

export const systemTags = [
  'floor',
  'rpc-core',
  'rpc-javascript',
  'word-ping-pong',
  'unix',
  'tcp',
  'grpc',
  'floor-again',
] as const;
export type SystemTag = (typeof systemTags)[number];

export interface SystemSizes {
  readonly payloadBytes: number;
  readonly batches: number;
  readonly callsPerBatch: number;
  /** Of a round over a socket, where a call takes long enough to need fewer of them. */
  readonly socketCalls: number;
}

interface Measured {
  readonly latency: LatencyCounts;
  readonly spans: readonly Span[];
}

interface System extends ComparedSystem {
  readonly tag: SystemTag;
  measure(round: number): Promise<Measured>;
}

/** Beside the measured part: connecting, warming up, and machines that share two cores. */
const taskDeadlineMs = 30_000;
const socketDeadlineMs = 120_000;
const warmUpBatches = 50;
/** Of each round and system; a trace with every batch would be too large to open. */
const spansDrawnPerRound = 100;

const floor = { label: 'floor in C', sentence: 'The same ring, buffers and bytes as the RPC, in plain C.' };
const described: Readonly<Record<SystemTag, { readonly label: string; readonly sentence: string; readonly again?: true }>> = {
  floor,
  'rpc-core': { label: 'RPC, core to core', sentence: 'HydraRPC in the compiled core on both sides.' },
  'rpc-javascript': { label: 'RPC, JS to JS', sentence: 'The same calls made and served by JavaScript functions.' },
  'word-ping-pong': {
    label: 'one word, to and fro',
    sentence: 'One 8-byte word bounced between the machines: no exchange over the pool is faster.',
  },
  unix: { label: 'unix socket', sentence: 'An echo over a unix socket: both processes are on this host.' },
  tcp: {
    label: 'TCP, pod network',
    sentence: 'An echo over a TCP socket without delay, on the pod network between the same machines.',
  },
  grpc: { label: 'gRPC, pod network', sentence: 'The same echo over gRPC (@grpc/grpc-js), bare bytes both ways.' },
  'floor-again': { ...floor, label: 'floor in C, again', again: true },
};

/** All that can be had on this pod, or those that were asked for. Throws UNIX_ACROSS_MACHINES. */
export function systemsFor(context: WorkloadContext, wanted: readonly SystemTag[] | undefined): readonly SystemTag[] {
  const { provider } = context.pod.environment;
  if (wanted === undefined) return systemTags.filter((tag) => tag !== 'unix' || provider === 'local');
  if (provider === 'local' || !wanted.includes('unix')) return systemTags.filter((tag) => wanted.includes(tag));
  throw usageError('UNIX_ACROSS_MACHINES', 'a unix socket does not reach from one machine to another', {
    cause: new Error(`the machines of ${context.pod.name} are of provider ${provider}`),
    hint: 'leave `unix` out of `systems`, or run it on a pod of provider local',
  });
}

/** `server` and `caller` measure every system in turn. */
export class Systems {
  /** Requests that the servers over the pool executed. */
  served = 0;
  readonly #systems: readonly System[];
  readonly #server: Hand;
  readonly #caller: Hand;
  readonly #sizes: SystemSizes;
  readonly #context: WorkloadContext;

  constructor(tags: readonly SystemTag[], server: Hand, caller: Hand, sizes: SystemSizes, context: WorkloadContext) {
    this.#server = server;
    this.#caller = caller;
    this.#sizes = sizes;
    this.#context = context;
    this.#systems = tags.map((tag) => ({ tag, ...described[tag], measure: (round) => this.#measureAs(tag, round) }));
  }

  get systems(): readonly ComparedSystem[] {
    return this.#systems;
  }

  /** `[i]`: the rounds of system i. Each round starts with another one. */
  async measureRounds(rounds: number, name: string): Promise<LatencyCounts[][]> {
    if (this.#systems.some(({ tag }) => tag === 'grpc')) await this.#bringGrpc();
    this.#context.say(`${name}: warming up`);
    await this.#warmUp();
    const measured = this.#systems.map((): LatencyCounts[] => []);
    for (let round = 0; round < rounds; round++) {
      this.#context.say(`${name}: round ${round + 1} of ${rounds}`);
      for (const system of rotated(this.#systems, round)) {
        measured[this.#systems.indexOf(system)]!.push(await this.#measure(system, round));
      }
    }
    return measured;
  }

  /** The server must refuse each forged request, and serve on. */
  async forge(): Promise<{ sent: number; refused: number }> {
    const service = 'forge';
    const [served, forged] = await both(
      this.#server.task(
        'rpc-serve',
        { service, handler: 'core' },
        { deadlineMs: taskDeadlineMs, label: 'serve forged requests' },
      ),
      this.#caller.task('rpc-forge', { service }, { deadlineMs: taskDeadlineMs, label: 'forge requests' }),
    );
    this.served += served.served;
    return forged;
  }

  async #measure(system: System, round: number): Promise<LatencyCounts> {
    const { timeline, latencies } = this.#context;
    const startS = Date.now() / 1000;
    const lane = { machine: 'controller', name: 'rounds' };
    const measured = await timeline.during(lane, 'step', system.label, () => system.measure(round));
    latencies.add(system, { startS, endS: Date.now() / 1000, latency: measured.latency });
    this.#draw(measured.spans, system.label);
    return measured.latency;
  }

  #measureAs(tag: SystemTag, round: number): Promise<Measured> {
    switch (tag) {
      case 'floor':
      case 'floor-again':
        return this.#floor();
      case 'rpc-core':
        return this.#rpc('core');
      case 'rpc-javascript':
        return this.#rpc('javascript');
      case 'word-ping-pong':
        return this.#word();
      case 'unix':
        return this.#unix(round);
      case 'tcp':
      case 'grpc':
        return this.#overNetwork(tag, round);
    }
  }

  /** Not measured: the engine compiles while the first thousands of calls run, on the only CPU that a machine may have. */
  async #warmUp(): Promise<void> {
    for (const language of ['core', 'javascript'] as const) await this.#rpc(language, warmUpBatches);
  }

  /** Not part of what every pod is given: nobody else needs it. */
  async #bringGrpc(): Promise<void> {
    const { pod } = this.#context;
    const names = new Set([this.#server.post.machine, this.#caller.post.machine]);
    await Promise.all([...names].map((name) => pod.machine(name).machine.upload(grpcBundle())));
  }

  async #rpc(language: 'core' | 'javascript', batches = this.#sizes.batches): Promise<Measured> {
    const { payloadBytes, callsPerBatch } = this.#sizes;
    const service = `ping-${language}`;
    // As the floor does: who is measured against it must not sleep where it spins.
    const waiting = 'spin';
    const options = { deadlineMs: taskDeadlineMs };
    const [served, called] = await both(
      this.#server.task('rpc-serve', { service, handler: language, waiting }, { ...options, label: `serve in ${language}` }),
      this.#caller.task(
        'rpc-call',
        { service, caller: language, payloadBytes, batches, callsPerBatch, waiting },
        { ...options, label: `call from ${language}` },
      ),
    );
    this.served += served.served;
    return called;
  }

  async #word(): Promise<Measured> {
    const { batches, callsPerBatch } = this.#sizes;
    const sides = { batches, roundsPerBatch: callsPerBatch };
    const [, bounced] = await both(
      this.#server.task('word-ping-pong', { role: 'server', ...sides }, { deadlineMs: taskDeadlineMs }),
      this.#caller.task('word-ping-pong', { role: 'caller', ...sides }, { deadlineMs: taskDeadlineMs }),
    );
    return { latency: bounced.latency, spans: [] };
  }

  async #overNetwork(by: 'tcp' | 'grpc', round: number): Promise<CallSummary> {
    const { payloadBytes, socketCalls: calls } = this.#sizes;
    const { pod } = this.#context;
    const host = pod.machine(this.#server.post.machine).machine.podAddress;
    const address = { host, port: portOf(pod.name, by, round) };
    const [, called] = await both(
      this.#server.task(`${by}-serve`, address, { deadlineMs: socketDeadlineMs }),
      this.#caller.task(`${by}-call`, { ...address, payloadBytes, calls }, { deadlineMs: socketDeadlineMs }),
    );
    return called;
  }

  async #unix(round: number): Promise<CallSummary> {
    const { payloadBytes, socketCalls: calls } = this.#sizes;
    const path = join(this.#context.pod.paths.podFolder, `echo-${round}.sock`);
    const [, called] = await both(
      this.#server.task('unix-serve', { path }, { deadlineMs: socketDeadlineMs }),
      this.#caller.task('unix-call', { path, payloadBytes, calls }, { deadlineMs: socketDeadlineMs }),
    );
    return called;
  }

  async #floor(): Promise<Measured> {
    const { pod, timeline } = this.#context;
    const machines = { server: this.#server.post.machine, caller: this.#caller.post.machine };
    return { latency: await runFloor(pod, machines, this.#sizes, timeline), spans: [] };
  }

  #draw(spans: readonly Span[], label: string): void {
    const clock = this.#caller.post.machine;
    const lane = { machine: clock, name: `${this.#caller.post.worker}: calls` };
    const stride = Math.max(1, Math.ceil(spans.length / spansDrawnPerRound));
    for (let index = 0; index < spans.length; index += stride) {
      const { name, startNs, endNs } = spans[index]!;
      const detail = { batch: name };
      const ends = { start: { clock, ns: startNs }, end: { clock, ns: endNs } };
      this.#context.timeline.spans.push({ lane, kind: 'calls', name: label, ...ends, detail });
    }
  }
}
