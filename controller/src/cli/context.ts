import { setMaxListeners } from 'node:events';
import { CxlpodError, type ExitCode, exitCodes, formatError } from '../errors/cxlpod-error.ts';
import { showControls } from '../report/html.ts';
import type { CommandContext } from './command.ts';

export interface ProgramContext extends CommandContext {
  /** What the action that ran asks this process to end with. */
  readonly exitCode: () => number;
}

export function makeContext(quiet: () => boolean): ProgramContext {
  let exitCode: number = exitCodes.valid;
  return {
    signal: operatorSignal(),
    quiet,
    out: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    say: (text) => {
      if (!quiet()) process.stderr.write(`${text}\n`);
    },
    action:
      (run) =>
      async (...args) => {
        try {
          exitCode = (await run(...args)) ?? exitCodes.valid;
        } catch (error) {
          exitCode = tell(error, wantsJson(args));
        }
      },
    exitCode: () => exitCode,
  };
}

function operatorSignal(): AbortSignal {
  const operator = new AbortController();
  setMaxListeners(0, operator.signal);
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Asked twice: end now. What is left carries the pod's name, and `cxlpod down` finds it.
      if (operator.signal.aborted) process.exit(exitCodes.interrupted);
      operator.abort();
    });
  }
  // A terminal that closes: by shell and kernel, so it may come twice.
  process.on('SIGHUP', () => operator.abort());
  // Nobody reads the answer any more, such as `head` that has had enough. Of what is said beside it nobody has to listen.
  process.stdout.on('error', () => operator.abort());
  process.stderr.on('error', () => {});
  return operator.signal;
}

/** Commander hands the options over after the arguments. */
function wantsJson(args: readonly unknown[]): boolean {
  return args.some((each) => typeof each === 'object' && each !== null && (each as { json?: unknown }).json === true);
}

function tell(error: unknown, json: boolean): ExitCode {
  process.stderr.write(`${showControls(formatError(error))}\n`);
  if (!(error instanceof CxlpodError)) process.stderr.write(`${showControls(unexpected(error))}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ error: asJson(error) })}\n`);
  return error instanceof CxlpodError ? error.exitCode : exitCodes.environment;
}

/** What is no CxlpodError is a mistake of ours: where it happened belongs in the report of it. */
function unexpected(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(1).join('\n') : '';
  return `  try: report this as a bug of cxlpod, with these lines\n${stack}`;
}

function asJson(error: unknown) {
  const [first, ...rest] = formatError(error).split('\n');
  const because = rest.filter((line) => line.startsWith('  because: ')).map((line) => line.slice('  because: '.length));
  return {
    code: error instanceof CxlpodError ? error.code : 'INTERNAL',
    message: first!.replace(/^error: /, ''),
    because,
    hint: error instanceof CxlpodError ? (error.hint ?? null) : null,
  };
}
