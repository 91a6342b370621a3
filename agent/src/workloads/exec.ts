import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { monotonicNs } from '../pool/clock.ts';
import { native } from '../pool/native.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { type ExecEnd, type ProgramPlace, programPhases } from '../protocol/program-tasks.ts';
import { integer, listOf, object, oneOf, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { fenceMark, killMarked } from '../worker/fence-mark.ts';
import type { TaskContext, Workload } from './workload.ts';

/** Of what a program prints, the end is kept. */
const outputBytes = 16 * 1024;
/** After its end, for the last words of children of its own that hold its output open. */
const lastOutputMs = 500;

export const placeShape = object<ProgramPlace>({
  phase: oneOf(...programPhases),
  machine: integer(1, 127),
  machines: integer(1, 127),
  worker: integer(1, 65_535),
  workers: integer(1, 65_535),
  attempt: integer(1),
  seed: integer(0, 2 ** 32 - 1),
  memory: object({ offset: integer(0), sizeBytes: integer(1), barrierOffset: integer(0) }),
});

/**
 * A program of the user's is a child of this worker, in its fence: whoever kills the worker kills both. It is over when its first process is;
 * children that it left are ended then.
 */
export const exec: Workload<'exec'> = {
  parameters: object<Tasks['exec']['parameters']>({
    argv: listOf(text({ maximum: 4096 }), 100),
    place: placeShape,
    limitMs: integer(1),
  }),
  run: (context, parameters) => {
    if (parameters.argv.length === 0) throw new AgentError('BAD_PARAMETERS', 'there is no program to run');
    return runToEnd(context, parameters);
  },
};

function runToEnd(context: TaskContext, { argv, place, limitMs }: Tasks['exec']['parameters']): Promise<ExecEnd> {
  const folder = dirname(fileURLToPath(import.meta.url));
  const [program, ...rest] = argv.map((argument) => argument.replaceAll('{agent}', folder));
  const startNs = monotonicNs();
  const child = spawn(program!, rest, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environmentOf(context, place, startNs + limitMs * 1e6) },
  });
  const output = tailOf([child.stdout, child.stderr]);
  return new Promise((resolve, reject) => {
    let overdue = false;
    const kill = (): void => void child.kill('SIGKILL');
    const timer = setTimeout(() => {
      overdue = true;
      kill();
    }, limitMs);
    context.signal.addEventListener('abort', kill);
    const settle = (): void => {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', kill);
    };
    child.once('error', (cause) => {
      settle();
      reject(
        new AgentError('EXEC_FAILED', `${program} cannot be started on this machine`, {
          cause,
          hint: 'link it statically, or add what it needs to the guestPackages of the topology',
        }),
      );
    });
    const closed = new Promise<void>((resolveClosed) => child.once('close', () => resolveClosed()));
    child.once('exit', async (exitCode, signal) => {
      settle();
      const elapsedNs = monotonicNs() - startNs;
      // Killed from outside, or at a crash point of its own: the worker is that program, and dies as it did.
      if (signal === 'SIGKILL' && !overdue && !context.signal.aborted) native().die();
      await within(lastOutputMs, closed);
      endChildren(program!);
      await within(lastOutputMs, closed);
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      if (context.signal.aborted) return reject(new AgentError('ABORTED', `${program} was ended before it was done`));
      resolve({ exitCode, signal, overdue, output: output(), elapsedNs });
    });
  });
}

/** All that carry the mark of this worker's fence, but the worker. */
function endChildren(program: string): void {
  const fence = process.env[fenceMark];
  const left = fence === undefined ? [] : killMarked(fence, process.pid);
  if (left.length > 0) process.stderr.write(`worker ${process.pid} ends what ${program} left: processes ${left.join(', ')}\n`);
}

async function within(limitMs: number, event: Promise<void>): Promise<void> {
  const waiting = new AbortController();
  const limit = after(limitMs, undefined, { signal: waiting.signal }).catch(() => {});
  await Promise.race([event, limit]);
  waiting.abort();
}

/** docs/writing-a-workload.md lists them; agent/c/cxlpod.h reads them. */
function environmentOf({ core, crash }: TaskContext, place: ProgramPlace, deadlineNs: number): Record<string, string> {
  const { exports, mapped } = core;
  const values = {
    POOL: mapped.poolPath,
    POOL_BYTES: mapped.poolSizeBytes,
    HISTORY: mapped.historyPath,
    HISTORY_BYTES: mapped.historySizeBytes,
    MEMORY_OFFSET: place.memory.offset,
    MEMORY_BYTES: place.memory.sizeBytes,
    BARRIER_OFFSET: place.memory.barrierOffset,
    PHASE: place.phase,
    MACHINE: place.machine,
    MACHINES: place.machines,
    WORKER: place.worker,
    WORKERS: place.workers,
    ATTEMPT: place.attempt,
    SEED: place.seed,
    DEADLINE_NS: Math.round(deadlineNs),
    PROCESS: process.pid,
    CLIENT: exports.selfClient(),
    INCARNATION: exports.selfIncarnation() >>> 0,
    CRASH_POINT: crash?.point ?? '',
    CRASH_HIT: crash?.hit ?? 0,
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`CXLPOD_${key}`, String(value)]));
}

function tailOf(streams: readonly NodeJS.ReadableStream[]): () => string {
  let kept = Buffer.alloc(0);
  for (const stream of streams) {
    stream.on('data', (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]).subarray(-outputBytes);
    });
  }
  return () => kept.toString('utf8');
}
