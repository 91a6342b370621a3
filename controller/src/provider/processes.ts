/**
 * Processes of this host that belong to a pod. Each carries the pod's name in its environment, and its children inherit it: a label
 * that needs no file to be written in time, survives a killed controller, and cannot name a stranger by a reused pid.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { environmentError } from '../errors/cxlpod-error.ts';

const podMark = 'CXLPOD_POD';
/** Not CXLPOD_MACHINE: programs of users find their machine's number there, and are processes of their machine like any other. */
const machineMark = 'CXLPOD_OF_MACHINE';

const goneLimitMs = 10_000;
const lookAgainAfterMs = 5;

export interface PodProcess {
  readonly pid: number;
  readonly machine: string;
}

/** The environment of whatever is started on behalf of a machine. */
export function markedEnvironment(pod: string, machine: string): NodeJS.ProcessEnv {
  return { ...process.env, [podMark]: pod, [machineMark]: machine };
}

/** Never this process, which may itself have been started on a machine, e.g. in its shell. */
export function findProcesses(pod: string, machine?: string): PodProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const marks = marksOf(Number(name));
      if (marks === null || marks.pod !== pod) return [];
      return machine === undefined || marks.machine === machine ? [{ pid: Number(name), machine: marks.machine }] : [];
    });
}

/** SIGKILLs them and resolves when their end has been seen. Resolves to how many there were. */
export function killProcesses(pod: string, machine?: string): Promise<number> {
  return killAll(() => findProcesses(pod, machine).map(({ pid }) => pid));
}

/** The same for whatever `find` finds, until it finds nothing any more. */
export async function killAll(find: () => readonly number[]): Promise<number> {
  const killed = new Set<number>();
  const endMs = performance.now() + goneLimitMs;
  for (;;) {
    // Looked for again each time: a process may have started another before it died.
    const marked = find();
    for (const pid of marked) {
      killed.add(pid);
      sendSignal(pid, 'SIGKILL');
    }
    const left = marked.length > 0 ? marked : [...killed].filter(hasThreads);
    if (left.length === 0) return killed.size;
    if (performance.now() > endMs) {
      throw environmentError('PROCESS_STUCK', `processes ${left.join(', ')} did not end by SIGKILL`, {
        hint: 'ps -o pid,stat,wchan,cmd -p PID tells what they wait for',
      });
    }
    await delay(lookAgainAfterMs);
  }
}

/** SIGSTOPs them and resolves when every thread of theirs stands still. */
export async function stopProcesses(pod: string, machine: string): Promise<void> {
  const endMs = performance.now() + goneLimitMs;
  for (;;) {
    // Looked for again each time: a process may have started another before it was stopped.
    const moving = findProcesses(pod, machine).filter(({ pid }) => !isStill(pid));
    if (moving.length === 0) return;
    if (performance.now() > endMs) {
      throw environmentError('PROCESS_STUCK', `processes ${moving.map(({ pid }) => pid).join(', ')} did not stop by SIGSTOP`, {
        hint: 'ps -o pid,stat,wchan,cmd -p PID tells what they wait for',
      });
    }
    for (const { pid } of moving) sendSignal(pid, 'SIGSTOP');
    await delay(lookAgainAfterMs);
  }
}

export function continueProcesses(pod: string, machine: string): void {
  for (const { pid } of findProcesses(pod, machine)) sendSignal(pid, 'SIGCONT');
}

/** Stopped, ended, or gone: none of its threads runs. */
export function isStill(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => /^[TtZX]$/.test(stateOf(`/proc/${pid}/task/${thread}/stat`)));
  } catch {
    return true;
  }
}

/** pid (name) state parent ...; a name may hold anything, also a parenthesis. `X` for one that is gone. */
function stateOf(statFile: string): string {
  try {
    return readFileSync(statFile, 'latin1')
      .replace(/^.*\) /s, '')
      .slice(0, 1);
  } catch {
    return 'X';
  }
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A process whose first thread has ended carries no mark any more, and its other threads may still be at work in the pool. */
function hasThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Null for a process that is gone, whose last thread has ended, or another user's. */
function marksOf(pid: number): { pod: string; machine: string } | null {
  const text = environmentOf(pid);
  const variables = text.split('\0');
  const read = (name: string): string | undefined =>
    variables.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const pod = read(podMark);
  const machine = read(machineMark);
  return pod === undefined || machine === undefined ? null : { pod, machine };
}

/** When the first thread of a process has ended, as may be seen while it dies, only the others still know the environment. */
function environmentOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
    if (text !== '') return text;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const ofThread = readFileSync(`/proc/${pid}/task/${thread}/environ`, 'utf8');
      if (ofThread !== '') return ofThread;
    }
  } catch {
    // It is gone.
  }
  return '';
}
