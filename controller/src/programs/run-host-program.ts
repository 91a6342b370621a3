/** Programs of this host, run to their end: the only importer of execa. */
import { execa } from 'execa';
import { environmentError } from '../errors/cxlpod-error.ts';

export interface HostProgramOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HostProgramEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const defaultTimeoutMs = 60_000;
const outputLimitCharacters = 16 * 1024 * 1024;

/**
 * Resolves with how it ended, whatever the exit code.
 * Errors: EXEC_FAILED (it could not be started, or was interrupted), EXEC_TIMEOUT, EXEC_OUTPUT (more than 16 Mi characters). One that is given up
 * is killed with its whole process group.
 */
export async function runHostProgram(argv: readonly string[], options: HostProgramOptions = {}): Promise<HostProgramEnd> {
  const { cwd, environment, stdin, timeoutMs = defaultTimeoutMs, signal } = options;
  const what = argv.join(' ').slice(0, 120);
  // Detached: its children are in its group, and end with it.
  const child = execa(argv[0]!, argv.slice(1), {
    ...(cwd === undefined ? {} : { cwd }),
    ...(environment === undefined ? {} : { env: environment }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    // A program that does not read its input ends all the same.
    ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
    detached: true,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: outputLimitCharacters,
    stripFinalNewline: false,
    reject: false,
  });
  const groupEnd = setTimeout(() => killGroup(child.pid), timeoutMs);
  const end = await child;
  clearTimeout(groupEnd);
  if (end.timedOut) throw environmentError('EXEC_TIMEOUT', `${what} did not end within ${timeoutMs / 1000} s`);
  if (end.isMaxBuffer) {
    killGroup(child.pid);
    throw environmentError('EXEC_OUTPUT', `${what} wrote more than 16 MiB`);
  }
  if (end.isCanceled || (end.exitCode === undefined && end.signal === undefined)) {
    killGroup(child.pid);
    throw environmentError('EXEC_FAILED', `could not run ${what}`, { cause: new Error(end.originalMessage ?? end.shortMessage) });
  }
  return { exitCode: end.exitCode ?? null, stdout: end.stdout, stderr: end.stderr };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already, and so has its group.
  }
}
