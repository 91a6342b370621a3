/**
 * `ping`: how long a 64-byte call takes between two machines, beside everything it may be compared with: the same ring in plain C (the
 * floor), the same call from JavaScript, TCP between the same two guests, and one word bounced back and forth.
 */
import type { LatencyCounts, Span } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import type { Hand } from '../runs/crew.ts';
import { both } from './both.ts';
import { measureClocks } from './clocks.ts';
import { type ComparedSystem, type Comparison, compare, rotated } from './compare.ts';
import { runFloor } from './floor.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('ping'),
  /** Each round measures every system once. */
  rounds: z.number().int().min(5).max(1000).default(5),
  payloadBytes: z.number().int().min(1).max(1024).default(64),
  /** Samples of a round, each the mean of `callsPerBatch` calls. */
  batches: z.number().int().min(10).max(100_000).default(200),
  callsPerBatch: z.number().int().min(1).max(10_000).default(100),
  /** A call over an emulated network card takes long enough to need fewer of them. */
  tcpCalls: z.number().int().min(100).max(1_000_000).default(200),
});

export type PingParameters = z.output<typeof parameters>;

export interface PingResult {
  readonly comparison: Comparison;
  readonly clockReadNs: readonly { readonly machine: string; readonly ns: number }[];
  readonly forged: { readonly sent: number; readonly refused: number };
  /** Calls that the honest servers executed, over all rounds. */
  readonly served: number;
}

export const ping = {
  name: 'ping',
  sentence:
    'A caller on one machine and a server on another, beside the floor in C, TCP, and one bounced word, in interleaved rounds.',
  parameters,
  needs: { machines: 2 },
  async run(wanted: PingParameters, context: WorkloadContext): Promise<PingResult> {
    const [serving, calling] = context.pod.machines;
    const [server, caller] = await both(
      context.crew.hire({ machine: serving!.machine.name, worker: 'server' }),
      context.crew.hire({ machine: calling!.machine.name, worker: 'caller' }),
    );
    const clockReadNs = await measureClocks(server, caller, context);
    const pair = new Pair(server, caller, wanted, context);

    context.say('ping: warming up');
    await pair.warmUp();
    const measured = pair.systems.map((): LatencyCounts[] => []);
    for (let round = 0; round < wanted.rounds; round++) {
      context.say(`ping: round ${round + 1} of ${wanted.rounds}`);
      for (const system of rotated(pair.systems, round)) {
        measured[pair.systems.indexOf(system)]!.push(await pair.measure(system, round));
      }
    }

    const forged = await pair.forge();
    await measureClocks(server, caller, context);
    return { comparison: compare(pair.systems, measured), clockReadNs, forged, served: pair.served };
  },
} satisfies Workload<PingParameters, PingResult>;

interface System extends ComparedSystem {
  measure(round: number): Promise<{ readonly latency: LatencyCounts; readonly spans: readonly Span[] }>;
}

/** Beside the measured part: connecting, warming up, and machines that share two cores. */
const taskDeadlineMs = 30_000;
const warmUpBatches = 50;
const firstTcpPort = 7100;
/** Of each round and system; a trace with every batch would be too large to open. */
const spansDrawnPerRound = 100;

class Pair {
  served = 0;
  readonly systems: readonly System[];
  readonly #server: Hand;
  readonly #caller: Hand;
  readonly #wanted: PingParameters;
  readonly #context: WorkloadContext;

  constructor(server: Hand, caller: Hand, wanted: PingParameters, context: WorkloadContext) {
    this.#server = server;
    this.#caller = caller;
    this.#wanted = wanted;
    this.#context = context;
    const floor = { label: 'floor in C', sentence: 'The same ring, buffers and bytes as the RPC, in plain C.' };
    this.systems = [
      { tag: 'floor', ...floor, measure: () => this.#floor() },
      {
        tag: 'rpc-core',
        label: 'RPC, core to core',
        sentence: 'HydraRPC in the compiled core on both sides.',
        measure: () => this.#rpc('core'),
      },
      {
        tag: 'rpc-javascript',
        label: 'RPC, JS to JS',
        sentence: 'The same calls made and served by JavaScript functions.',
        measure: () => this.#rpc('javascript'),
      },
      {
        tag: 'word-ping-pong',
        label: 'one word, to and fro',
        sentence: 'One 8-byte word bounced between the machines: no exchange over the pool is faster.',
        measure: () => this.#word(),
      },
      {
        tag: 'tcp',
        label: 'TCP, pod network',
        sentence: 'An echo over a TCP socket without delay, on the pod network between the same machines.',
        measure: (round) => this.#tcp(round),
      },
      { tag: 'floor-again', ...floor, label: 'floor in C, again', again: true, measure: () => this.#floor() },
    ];
  }

  async measure(system: System, round: number): Promise<LatencyCounts> {
    const { timeline, latencies } = this.#context;
    const startS = Date.now() / 1000;
    const lane = { machine: 'controller', name: 'rounds' };
    const measured = await timeline.during(lane, 'step', system.label, () => system.measure(round));
    latencies.add(system, { startS, endS: Date.now() / 1000, latency: measured.latency });
    this.#draw(measured.spans, system.label);
    return measured.latency;
  }

  /** Not measured: the engine compiles while the first thousands of calls run, on the only CPU that a machine may have. */
  async warmUp(): Promise<void> {
    for (const language of ['core', 'javascript'] as const) await this.#rpc(language, warmUpBatches);
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

  async #rpc(
    language: 'core' | 'javascript',
    batches = this.#wanted.batches,
  ): Promise<{ latency: LatencyCounts; spans: readonly Span[] }> {
    const { payloadBytes, callsPerBatch } = this.#wanted;
    const service = `ping-${language}`;
    const options = { deadlineMs: taskDeadlineMs };
    const [served, called] = await both(
      this.#server.task('rpc-serve', { service, handler: language }, { ...options, label: `serve in ${language}` }),
      this.#caller.task(
        'rpc-call',
        { service, caller: language, payloadBytes, batches, callsPerBatch },
        { ...options, label: `call from ${language}` },
      ),
    );
    this.served += served.served;
    return called;
  }

  async #word(): Promise<{ latency: LatencyCounts; spans: readonly Span[] }> {
    const { batches, callsPerBatch } = this.#wanted;
    const sides = { batches, roundsPerBatch: callsPerBatch };
    const [, bounced] = await both(
      this.#server.task('word-ping-pong', { role: 'server', ...sides }, { deadlineMs: taskDeadlineMs }),
      this.#caller.task('word-ping-pong', { role: 'caller', ...sides }, { deadlineMs: taskDeadlineMs }),
    );
    return { latency: bounced.latency, spans: [] };
  }

  async #tcp(round: number): Promise<{ latency: LatencyCounts; spans: readonly Span[] }> {
    const { payloadBytes, tcpCalls } = this.#wanted;
    const host = this.#context.pod.machine(this.#server.post.machine).machine.podAddress;
    // A port of its own each round: the last one's may still be in TIME_WAIT.
    const address = { host, port: firstTcpPort + round };
    const [, called] = await both(
      this.#server.task('tcp-serve', address, { deadlineMs: taskDeadlineMs }),
      this.#caller.task('tcp-call', { ...address, payloadBytes, calls: tcpCalls }, { deadlineMs: taskDeadlineMs }),
    );
    return called;
  }

  async #floor(): Promise<{ latency: LatencyCounts; spans: readonly Span[] }> {
    const { pod, timeline } = this.#context;
    const machines = { server: this.#server.post.machine, caller: this.#caller.post.machine };
    return { latency: await runFloor(pod, machines, this.#wanted, timeline), spans: [] };
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
