/** Runs the C floor on two machines at once and reads what it measured. */
import { controlBytes } from '@cxlpod/agent/layout';
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import type { Pod, PodMachine } from '../cluster/pod.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Timeline } from '../traces/timeline.ts';
import { both } from './both.ts';

export interface FloorSize {
  readonly payloadBytes: number;
  readonly batches: number;
  readonly callsPerBatch: number;
}

/** The floor keeps its own ring outside of everything that the pool describes. */
const floorOffset = controlBytes;
const deadlineMs = 20_000;
/** Above the floor's own deadline, so that it can say itself what it waited for. */
const timeoutMs = 25_000;

export async function runFloor(
  pod: Pod,
  machines: { readonly server: string; readonly caller: string },
  { payloadBytes, batches, callsPerBatch }: FloorSize,
  timeline: Timeline,
): Promise<LatencyCounts> {
  const place = (side: PodMachine) => [
    '--path',
    side.machine.poolPath,
    '--size',
    pod.topology.pool.sizeBytes,
    '--offset',
    floorOffset,
  ];
  const run = (name: string, role: 'serve' | 'call', more: readonly (string | number)[]): Promise<string> => {
    const side = pod.machine(name);
    const lane = { machine: name, name: 'floor in C' };
    return timeline.during(lane, 'task', `floor ${role}`, async () => {
      const argv = ['{agent}/floor', role, ...place(side), '--deadline-ms', deadlineMs, ...more].map(String);
      const { exitCode, signal, stdout, stderr } = await side.agent.request('exec', { argv, timeoutMs });
      if (exitCode === 0) return stdout;
      throw environmentError('FLOOR_FAILED', `the C floor failed on ${name}`, {
        cause: new Error(stderr.trim() || `it ended with ${signal ?? `exit code ${exitCode}`}`),
      });
    });
  };
  const size = ['--payload-bytes', payloadBytes, '--batches', batches, '--calls-per-batch', callsPerBatch];
  const [, output] = await both(run(machines.server, 'serve', []), run(machines.caller, 'call', size));
  return (JSON.parse(output) as { readonly latency: LatencyCounts }).latency;
}
