/**
 * `ping`: how long a 64-byte call takes between two machines, beside everything it may be compared with: the same ring in plain C (the
 * floor), the same call from JavaScript, TCP between the same two guests, and one word bounced back and forth.
 */
import { z } from 'zod';
import { measureClocks } from './clocks.ts';
import { type Comparison, compare } from './compare.ts';
import { hirePair } from './heap-crew.ts';
import { namesOf, serverAndCaller } from './posts.ts';
import { Systems } from './systems.ts';
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

const compared = ['floor', 'rpc-core', 'rpc-javascript', 'word-ping-pong', 'tcp', 'floor-again'] as const;

export const ping = {
  name: 'ping',
  sentence:
    'A caller on one machine and a server on another, beside the floor in C, TCP, and one bounced word, in interleaved rounds.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: PingParameters, context: WorkloadContext): Promise<PingResult> {
    const [server, caller] = await hirePair(context, serverAndCaller({}, namesOf(context.pod)));
    const clockReadNs = await measureClocks(server, caller, context);
    const systems = new Systems(compared, server, caller, { ...wanted, socketCalls: wanted.tcpCalls }, context);
    const measured = await systems.measureRounds(wanted.rounds, 'ping');
    const forged = await systems.forge();
    await measureClocks(server, caller, context);
    return { comparison: compare(systems.systems, measured), clockReadNs, forged, served: systems.served };
  },
} satisfies Workload<PingParameters, PingResult>;
