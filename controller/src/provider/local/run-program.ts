import { spawn } from 'node:child_process';
import { environmentError } from '../../errors/cxlpod-error.ts';

interface RunOptions {
  readonly timeoutMs?: number;
  readonly stdin?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
}

const defaultTimeoutMs = 60_000;
const outputLimitBytes = 16 * 1024 * 1024;

/** Runs a program to its end. One that exceeds its time or its output is killed with its whole process group. */
export function runProgram(argv: readonly string[], options: RunOptions) {
  const { timeoutMs = defaultTimeoutMs, stdin, environment, folder } = options;
  const what = argv.join(' ').slice(0, 120);
  return new Promise<{ exitCode: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { cwd: folder, env: environment, detached: true, stdio: 'pipe' });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let sizeBytes = 0;
    const giveUp = (code: string, message: string): void => {
      reject(environmentError(code, message));
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => giveUp('EXEC_TIMEOUT', `${what} did not end within ${timeoutMs / 1000} s`), timeoutMs);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > outputLimitBytes) giveUp('EXEC_OUTPUT', `${what} wrote more than 16 MiB`);
        else output[name].push(chunk);
      });
    }
    // A program that ends without reading its input is no failure.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(environmentError('EXEC_FAILED', `could not run ${what}`, { cause: error }));
    });
    child.on('close', (exitCode) => {
      clearTimeout(timer);
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(output[name]).toString('utf8');
      resolve({ exitCode, stdout: text('stdout'), stderr: text('stderr') });
    });
  });
}
