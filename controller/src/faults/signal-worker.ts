/** Signals to a worker from its own machine, by the programs that every machine has. */
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { environmentError } from '../errors/cxlpod-error.ts';

const programTimeoutMs = 20_000;
const stoppedWithinMs = 20_000;

export async function signalWorker(agent: AgentConnection, pid: number, signal: 'STOP' | 'CONT' | 'KILL'): Promise<void> {
  // Another fault may have killed it meanwhile: then there is nothing to go on.
  await onMachine(agent, `kill -${signal} ${pid}${signal === 'CONT' ? ' 2> /dev/null || true' : ''}`);
}

/** Waits until the kernel says that every thread of it stands still. */
export async function seeStopped(agent: AgentConnection, pid: number): Promise<void> {
  const deadline = performance.now() + stoppedWithinMs;
  while (performance.now() < deadline) {
    // pid (name) state ...; a name may hold anything, also a parenthesis.
    const states = (await onMachine(agent, `cat /proc/${pid}/task/*/stat`)).trim().split('\n');
    if (states.every((line) => /^.*\) [Tt] /.test(line))) return;
  }
  throw environmentError(
    'WORKER_NOT_STOPPED',
    `process ${pid} was sent SIGSTOP and was not seen to stop within ${stoppedWithinMs / 1000} s`,
  );
}

export async function onMachine(agent: AgentConnection, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await agent.request(
    'exec',
    { argv: ['sh', '-c', script], timeoutMs: programTimeoutMs },
    { timeoutMs: 2 * programTimeoutMs },
  );
  if (exitCode === 0) return stdout;
  throw environmentError('MACHINE_REFUSED', `${script} failed on the machine`, {
    cause: new Error(stderr.trim() || `exit code ${exitCode}`),
  });
}
