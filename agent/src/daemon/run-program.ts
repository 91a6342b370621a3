import { spawn } from 'node:child_process';
import { AgentError } from '../protocol/agent-error.ts';
import type { Requests } from '../protocol/messages.ts';

const outputLimitBytes = 2 * 1024 * 1024;
const killGraceMs = 5_000;

export interface RunningProgram {
  readonly result: Promise<Requests['exec']['result']>;
  kill(): void;
}

/**
 * Runs a program to its end in a process group of its own. Rejects when it cannot be started, and with DEADLINE, after
 * killing the group, when it takes too long. Output beyond the limit ends it as well.
 */
export function runProgram(request: Requests['exec']['parameters'], folder: string): RunningProgram {
  const [program, ...rest] = request.argv.map((argument) => argument.replaceAll('{agent}', folder));
  const child = spawn(program!, rest, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...request.environment },
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  };
  const result = new Promise<Requests['exec']['result']>((resolve, reject) => {
    let failure: AgentError | null = null;
    const stop = (code: string, message: string) => {
      failure ??= new AgentError(code, message, { cause: lastLines(stderr()) ?? 'it printed nothing to stderr' });
      kill();
      // A descendant that left the group may hold the pipes: then `close` never comes.
      setTimeout(() => reject(failure), killGraceMs).unref();
    };
    const timer = setTimeout(() => stop('DEADLINE', `${program} did not end within ${request.timeoutMs} ms`), request.timeoutMs);
    const overflow = () => stop('OUTPUT_TOO_LONG', `${program} printed more than ${outputLimitBytes} bytes`);
    const stdout = collect(child.stdout, overflow);
    const stderr = collect(child.stderr, overflow);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new AgentError('EXEC_FAILED', `${program} cannot be started`, { cause: error }));
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (failure !== null) reject(failure);
      else resolve({ exitCode, signal, stdout: stdout(), stderr: stderr() });
    });
  });
  return { result, kill };
}

function collect(stream: NodeJS.ReadableStream, overflow: () => void): () => string {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > outputLimitBytes) overflow();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function lastLines(output: string): string | null {
  return output === '' ? null : output.trimEnd().split('\n').slice(-5).join('\n');
}
