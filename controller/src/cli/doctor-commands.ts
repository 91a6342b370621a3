import { exitCodes } from '../errors/cxlpod-error.ts';
import type { Command } from './command.ts';
import { nameOption, pickPod } from './pick-pod.ts';
import { describeGate } from './pod-commands.ts';
import { table } from './table.ts';

interface DoctorOptions {
  readonly name?: string;
  readonly pod?: boolean;
  readonly json?: boolean;
}

export const doctorCommands: readonly Command[] = [
  (program, context) =>
    program
      .command('doctor')
      .description('what this host offers and what it lacks; with --pod, whether a running pod is coherent')
      .option('--pod', 'run the coherence gate on the running pod')
      .option(...nameOption)
      .option('--json', 'on standard output, as JSON')
      .action(
        context.action(async ({ name, pod, json }: DoctorOptions) => {
          if (pod === true || name !== undefined) {
            const { checkPod } = await import('../cluster/check-pod.ts');
            const report = await checkPod(pickPod(name), { signal: context.signal, say: context.say });
            context.out(json === true ? JSON.stringify(report, null, 2) : describeGate(report));
            return exitCodes.valid;
          }
          const { examineHost } = await import('../cluster/examine-host.ts');
          const findings = await examineHost(context.signal);
          const rows = findings.map(({ check, status, found, fix }) => [check, status, found, fix ?? '']);
          context.out(json === true ? JSON.stringify(findings, null, 2) : table([['check', 'status', 'found', 'fix'], ...rows]));
          return findings.some(({ status }) => status === 'fail') ? exitCodes.environment : exitCodes.valid;
        }),
      ),
];
