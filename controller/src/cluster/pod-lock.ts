/**
 * One controller at a time changes a pod. The lock is a socket in Linux's abstract name space: the kernel gives it to one process
 * and takes it back when that process ends however it ends, so there is no stale lock and no file to clean up.
 */
import { connect, createServer, type Server } from 'node:net';
import { type CxlpodError, usageError } from '../errors/cxlpod-error.ts';

export interface PodLock {
  release(): Promise<void>;
}

const askHolderTimeoutMs = 500;

/** `what` is told to others who want it: `up`, `run ping`. Throws `POD_BUSY`. */
export async function lockPod(pod: string, what: string): Promise<PodLock> {
  const name = lockName(pod);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(JSON.stringify({ pid: process.pid, what }));
  });
  server.unref();
  try {
    await listen(server, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw busy(pod, await askHolder(name));
  }
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Whether somebody changes the pod right now. */
export async function isLocked(pod: string): Promise<boolean> {
  return (await askHolder(lockName(pod))) !== '';
}

/** One for the whole host, like the names of containers and of the pod's folder on the tmpfs. */
function lockName(pod: string): string {
  return `\0cxlpod-pod-${pod}`;
}

function listen(server: Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(name, resolve);
  });
}

function askHolder(name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(name);
    socket.setTimeout(askHolderTimeoutMs, () => socket.destroy());
    socket.on('data', (bytes) => {
      text += bytes.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

function busy(pod: string, answer: string): CxlpodError {
  let holder = 'another cxlpod';
  let stop = 'wait for it to end';
  try {
    const { pid, what } = JSON.parse(answer) as { pid: number; what: string };
    holder = `cxlpod ${what}, process ${pid}`;
    stop = `wait for it to end, or kill -INT ${pid}`;
  } catch {
    // It holds the lock and is too busy, or just ending: who it is remains unsaid.
  }
  return usageError('POD_BUSY', `pod ${pod} is being changed`, { cause: new Error(`by ${holder}`), hint: stop });
}
