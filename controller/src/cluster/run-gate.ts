import type { Topology } from '../config/topology.ts';
import { CxlpodError, environmentError, exitCodes } from '../errors/cxlpod-error.ts';
import type { Environment } from '../provider/provider.ts';
import { evaluateGate, type GateReport } from './gate.ts';
import type { PodMachine } from './pod.ts';

/** The name of the worker that each machine runs the gate in. */
export const gateWorker = 'gate';

/** Iterations of one attempt after the other: small ones usually overlap; on busy cores it takes more. */
const attempts = [200_000, 2_000_000, 10_000_000] as const;
/** Some 3 s on idle cores; the step has a limit of its own. */
const attemptDeadlineMs = 45_000;

export interface GateOptions {
  readonly topology: Topology;
  readonly environment: Environment;
  readonly machines: readonly PodMachine[];
  readonly signal: AbortSignal;
  note(text: string): void;
  /** Learns what came out, also when it is then thrown. */
  decided?(report: GateReport): Promise<void>;
}

/** Runs the coherence gate on all machines at once. Throws `GATE_FAILED` or `GATE_UNKNOWN`. */
export async function runGate(options: GateOptions): Promise<GateReport> {
  const { machines, signal } = options;
  try {
    await Promise.all(machines.map((machine) => startGateWorker(machine, signal)));
    const report = await attemptUntilProved(options);
    await options.decided?.(report);
    if (report.verdict !== 'passed') throw refusal(report, options);
    return report;
  } finally {
    await Promise.allSettled(
      machines.map(({ agent }) => agent.request('stopWorker', { worker: gateWorker, how: signal.aborted ? 'kill' : 'graceful' })),
    );
  }
}

/** A controller that was killed in its gate has left a worker of this name. */
async function startGateWorker({ agent }: PodMachine, signal: AbortSignal): Promise<void> {
  const { workers } = await agent.request('status', {}, { signal });
  if (workers.some(({ worker }) => worker === gateWorker)) {
    await agent.request('stopWorker', { worker: gateWorker, how: 'kill' }, { signal });
  }
  await agent.request('startWorker', { worker: gateWorker }, { signal });
}

async function attemptUntilProved(options: GateOptions): Promise<GateReport> {
  let report: GateReport | undefined;
  for (const iterations of attempts) {
    report = await attempt(iterations, options);
    if (report.verdict !== 'unknown') return report;
    options.note(`${iterations.toLocaleString('en-US')} iterations proved nothing: ${report.problems[0]}`);
  }
  return report!;
}

async function attempt(iterations: number, { machines, signal }: GateOptions): Promise<GateReport> {
  const results = await Promise.all(
    machines.map(async ({ machine, agent }) => {
      const parameters = { machines: machines.length, machineNumber: machine.number, iterations };
      const task = { worker: gateWorker, task: 'gate', parameters, deadlineMs: attemptDeadlineMs };
      return (await agent.request('runTask', task, { signal })) as Parameters<typeof evaluateGate>[0][number];
    }),
  );
  return evaluateGate(results);
}

export function refusal(
  report: GateReport,
  { topology, environment }: Pick<GateOptions, 'topology' | 'environment'>,
): CxlpodError {
  const problems = new Error(report.problems.join('; '));
  if (report.verdict === 'unknown') {
    return new CxlpodError('GATE_UNKNOWN', 'the coherence gate could not prove that memory between machines is coherent', {
      cause: problems,
      hint: 'fewer machines than cores, or a less busy host; then cxlpod up again',
      exitCode: exitCodes.unknown,
    });
  }
  if (environment.accelerator === 'tcg' && topology.machine.maxCpus === 1) {
    const why = 'TCG emits non-atomic code for a machine that can only ever have one CPU: right inside it, wrong between two';
    return environmentError('GATE_FAILED', 'atomics between machines are not exact', {
      cause: new Error(why, { cause: problems }),
      hint: 'machine.maxCpus: 2 or more; cpus may stay 1',
    });
  }
  return environmentError('GATE_FAILED', 'memory between machines is not coherent', {
    cause: problems,
    hint: 'cxlpod doctor; QEMU before 11.1 maps CXL memory so that atomics between machines are lost',
  });
}
