import { setTimeout as delay } from 'node:timers/promises';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { type MachineLog, machineLogs } from '../provider/provider.ts';
import { showControls } from '../report/html.ts';
import type { Command, CommandContext } from './command.ts';
import { nameOption, pickPod } from './pick-pod.ts';

interface MachineOptions {
  readonly name?: string;
  readonly json?: boolean;
}

/** A program that a signal ended has no exit code of its own; what shells say is 128 and something. */
const endedBySignal = 128;
const followEveryMs = 200;

export const machineCommands: readonly Command[] = [
  (program, context) =>
    program
      .command('shell')
      .description('a shell on a machine')
      .argument('<machine>')
      .option(...nameOption)
      .option('--json', 'machine and exit code on standard output, after the shell')
      .action(
        context.action(async (machineName: string, { name, json }: MachineOptions) => {
          const { openMachine } = await import('../cluster/open-pod.ts');
          const machine = await openMachine(pickPod(name), machineName);
          // From here on Ctrl-C is for what runs in the shell.
          process.removeAllListeners('SIGINT');
          process.on('SIGINT', () => {});
          try {
            const exitCode = await machine.shell();
            if (json === true) context.out(JSON.stringify({ machine: machineName, exitCode }));
            return exitCode;
          } finally {
            await machine.close();
          }
        }),
      ),

  (program, context) =>
    program
      .command('exec')
      .description('run a program on a machine; its exit code becomes this one')
      .argument('<machine>')
      .argument('<argv...>', 'the program and its arguments, after --')
      .option(...nameOption)
      .option('--timeout <seconds>', 'how long it may run', '60')
      .option('--json', 'exit code and output as JSON')
      .action(
        context.action(async (machineName: string, argv: string[], options: MachineOptions & { readonly timeout: string }) => {
          const { openMachine } = await import('../cluster/open-pod.ts');
          const timeoutMs = secondsOf(options.timeout);
          const machine = await openMachine(pickPod(options.name), machineName);
          try {
            const result = await machine.exec(argv, { timeoutMs });
            if (options.json === true) {
              context.out(JSON.stringify(result));
            } else {
              process.stdout.write(result.stdout);
              process.stderr.write(result.stderr);
            }
            return result.exitCode ?? endedBySignal;
          } finally {
            await machine.close();
          }
        }),
      ),

  (program, context) =>
    program
      .command('logs')
      .description('what the console, QEMU and the agent of a machine wrote; of all machines without a name')
      .argument('[machine]')
      .option(...nameOption)
      .option('-f, --follow', 'go on until interrupted')
      .option('--log <log>', `only one of ${machineLogs.join(', ')}`)
      .option('--json', 'as JSON; not with --follow')
      .action(
        context.action(async (machineName: string | undefined, options: LogOptions) => {
          const { openMachine, requireUp } = await import('../cluster/open-pod.ts');
          const pod = pickPod(options.name);
          const { topology } = await requireUp(pod);
          const names = machineName === undefined ? topology.machines : [machineName];
          const machines = await Promise.all(names.map((each) => openMachine(pod, each)));
          const logs = machineLogs.filter((log) => options.log === undefined || log === requireLog(options.log));
          const sources = machines.flatMap((machine) => logs.map((log) => ({ machine, log, offset: 0 })));
          try {
            if (options.json === true) return await printJson(sources, context);
            return await printLogs(sources, options.follow === true, context);
          } finally {
            await Promise.allSettled(machines.map((machine) => machine.close()));
          }
        }),
      ),
];

interface LogOptions extends MachineOptions {
  readonly follow?: boolean;
  readonly log?: string;
}

interface LogSource {
  readonly machine: { readonly name: string; readLog(log: MachineLog, fromByte?: number): Promise<Buffer> };
  readonly log: MachineLog;
  offset: number;
}

async function printJson(sources: readonly LogSource[], context: CommandContext): Promise<number> {
  const texts = sources.map(async ({ machine, log }) => ({
    machine: machine.name,
    log,
    text: (await machine.readLog(log)).toString('utf8'),
  }));
  context.out(JSON.stringify(await Promise.all(texts)));
  return exitCodes.valid;
}

/** Each line after the machine and the log that it comes from. */
export async function printLogs(sources: readonly LogSource[], follow: boolean, context: CommandContext): Promise<number> {
  for (;;) {
    for (const source of sources) {
      const bytes = await source.machine.readLog(source.log, source.offset);
      // While following, a line that has not ended yet waits for its end.
      const end = follow ? bytes.lastIndexOf(0x0a) + 1 : bytes.length;
      source.offset += end;
      const lines = bytes.subarray(0, end).toString('utf8').split(/\r?\n/);
      if (lines.at(-1) === '') lines.pop();
      for (const line of lines) context.out(`${source.machine.name} ${source.log}: ${showControls(line)}`);
    }
    if (!follow) return exitCodes.valid;
    await delay(followEveryMs, undefined, { signal: context.signal }).catch(() => {});
    if (context.signal.aborted) return exitCodes.interrupted;
  }
}

function requireLog(log: string): MachineLog {
  const found = machineLogs.find((each) => each === log);
  if (found !== undefined) return found;
  throw usageError('NO_SUCH_LOG', `there is no log ${JSON.stringify(log)}`, { hint: `one of ${machineLogs.join(', ')}` });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw usageError('TIMEOUT_INVALID', `--timeout ${text} is not a number of seconds`);
}
