/**
 * `calls`: one caller that goes on calling, one by one, until so many calls were answered, whatever becomes of the server. A caller that
 * dies has a successor, which begins anew. Every call is in the history. This is what servers and callers are killed under.
 */
import type { CallFailure, Tasks } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { duration } from '../config/quantities.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { CallsAtWork } from './calls-at-work.ts';
import { measureClocks } from './clocks.ts';
import { hirePair, sampleOf } from './heap-crew.ts';
import { namesOf, serverAndCaller } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('calls'),
  /** Ends when so many were answered. */
  calls: z.number().int().min(1).max(100_000).default(2000),
  payloadBytes: z.number().int().min(4).max(1024).default(64),
  /** A call that nobody answers is told so after at most this; one whose server was fenced much sooner. */
  callDeadline: duration.default(5_000),
  /** How long the caller looks for a server that serves again. */
  reconnectWithin: duration.default(15_000),
  /** At most; as fast as they are answered when not given. For faults that take longer to strike than all calls to be made. */
  callsPerSecond: z.number().int().min(1).max(100_000).optional(),
  /** A call that timed out is given up, and the next one is made on the same connection; it closes the connection otherwise. */
  staysAfterTimeout: z.boolean().default(false),
});

export type CallsParameters = z.output<typeof parameters>;

export interface CallsResult {
  /** Asked for. */
  readonly wanted: number;
  /** Calls made: answered ones and failed ones. */
  readonly made: number;
  readonly answered: number;
  readonly failures: readonly CallFailure[];
  readonly longestStallNs: number;
  readonly callDeadlineMs: number;
  /** Requests that each server executed which ended by itself; one that died reports nothing. */
  readonly served: readonly number[];
  /** Servers that were put in place too late to be called, or did not see in time that the caller was gone; they report nothing. */
  readonly idle: number;
  readonly refused: number;
  readonly clockReadNs: readonly { readonly machine: string; readonly ns: number }[];
}

export const calls = {
  name: 'calls',
  sentence: 'One caller that calls one by one until enough calls were answered, whatever becomes of the server.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(parameters: CallsParameters, context: WorkloadContext): Promise<CallsResult> {
    const { calls: wanted, payloadBytes, callDeadline, reconnectWithin, callsPerSecond, staysAfterTimeout } = parameters;
    const service = 'echo';
    const pace = { staysAfterTimeout, ...(callsPerSecond === undefined ? {} : { callsPerSecond }) };
    const pacedMs = callsPerSecond === undefined ? 0 : (wanted / callsPerSecond) * 1000;
    const deadlineMs = taskDeadlineMs(wanted, callDeadline + reconnectWithin + pacedMs);
    const [server, caller] = await hirePair(context, serverAndCaller({}, namesOf(context.pod)));
    const clockReadNs = await measureClocks(server, caller, context);

    const work = new CallsAtWork(context, server, caller, {
      serve: (hand) => hand.task('rpc-serve', { service, handler: 'core' }, { deadlineMs, label: `serve ${service}` }),
      call: (hand) =>
        hand.task(
          'rpc-call-through-crash',
          { service, calls: wanted, payloadBytes, callDeadlineMs: callDeadline, reconnectWithinMs: reconnectWithin, ...pace },
          { deadlineMs, label: `${wanted} calls` },
        ),
      knock: (hand) =>
        hand.task(
          'rpc-call-through-crash',
          { service, calls: 0, payloadBytes, callDeadlineMs: callDeadline, reconnectWithinMs: knockMs },
          { deadlineMs, label: 'goodbye' },
        ),
    });
    context.say(`calls: ${wanted} calls, one by one`);
    const { called, served, idle } = await work.done();
    await context.endFaults();
    const [lastServer, lastCaller] = [server, caller].map((hand) => context.crew.handAt(hand.post) ?? hand);
    if (idle === 0) await measureClocks(lastServer!, lastCaller!, context);
    draw(called, caller, context);
    return {
      wanted,
      made: called.calls,
      answered: called.answered,
      failures: called.failures,
      longestStallNs: called.longestStallNs,
      callDeadlineMs: callDeadline,
      served: served.map((each) => each.served),
      idle,
      refused: served.reduce((sum, each) => sum + each.refused, 0),
      clockReadNs,
    };
  },
} satisfies Workload<CallsParameters, CallsResult>;

type Called = Tasks['rpc-call-through-crash']['result'];

/** Not longer than a server needs to see that its last caller has gone, on a busy machine. */
const knockMs = 500;

/** Generous: one call in a thousand calls of an emulated machine may wait for a whole time slice of the host. */
const slowCallMs = 5;

function taskDeadlineMs(wanted: number, interruptionMs: number): number {
  return Math.min(600_000, 30_000 + interruptionMs + wanted * slowCallMs);
}

/** From the call that failed until the next answer: what a death costs whoever calls. */
function drawStall({ failures, longestStallNs }: Called, caller: Hand, { timeline }: WorkloadContext): void {
  const [first] = failures;
  if (first === undefined || longestStallNs === 0) return;
  const clock = caller.post.machine;
  const ends = { start: { clock, ns: first.startNs }, end: { clock, ns: first.startNs + longestStallNs } };
  const lane = { machine: clock, name: `${caller.post.worker}: no answer` };
  timeline.spans.push({ lane, kind: 'stall', name: `no answer for ${Math.round(longestStallNs / 1e6)} ms`, ...ends });
}

function draw(called: Called, caller: Hand, context: WorkloadContext): void {
  const clock = caller.post.machine;
  const lane = { machine: clock, name: `${caller.post.worker}: calls` };
  const answered = called.spans.filter((span) => !called.failures.some(({ startNs }) => startNs === span.startNs));
  for (const { name, startNs, endNs } of answered) {
    context.timeline.spans.push({ lane, kind: 'calls', name, start: { clock, ns: startNs }, end: { clock, ns: endNs } });
  }
  const { callsPerSample } = called.latency;
  context.timeline.samples.push(...answered.map((span) => sampleOf(clock, span, callsPerSample, 'calls')));
  for (const { call, code, startNs, endNs } of called.failures) {
    const ends = { start: { clock, ns: startNs }, end: { clock, ns: endNs } };
    context.timeline.spans.push({ lane, kind: 'stall', name: `call ${call}: ${code}`, ...ends, detail: { call, code } });
  }
  drawStall(called, caller, context);
  const samples = called.spans.flatMap(({ startNs, endNs }) => [startNs, endNs]);
  const nowS = Date.now() / 1000;
  const tookS = samples.length === 0 ? 0 : (samples.at(-1)! - samples[0]!) / 1e9;
  const system = { tag: 'rpc-recorded', label: 'RPC, one by one, recorded' };
  context.latencies.add(system, { startS: nowS - tookS, endS: nowS, latency: called.latency });
}
