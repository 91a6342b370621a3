/** The barrier of programs: whoever comes in the place of a dead worker is not another one, and it can be used again. */
import { expect, test } from 'vitest';
import { ProgramContext } from '../../src/program/program-context.ts';
import type { AgentError } from '../../src/protocol/agent-error.ts';
import type { TaskContext } from '../../src/workloads/workload.ts';
import { type HeapPool, openHeaps } from '../shm/heap-pool.ts';

const barrierBytes = 4096;

/** `start`: a new process of this worker, of two. */
function pod(pool: HeapPool): { readonly start: (worker: number, attempt?: number) => ProgramContext } {
  const object = pool.heaps[0]!.alloc(barrierBytes);
  object.bytes.fill(0);
  const barrierOffset = object.bytes.byteOffset - pool.cores[0]!.mapped.poolBase;
  const start = (worker: number, attempt = 1): ProgramContext => {
    const task = { core: pool.cores[0]!, remainingMs: () => 20, signal: new AbortController().signal } as unknown as TaskContext;
    const memory = { offset: barrierOffset, sizeBytes: barrierBytes, barrierOffset };
    return new ProgramContext(task, {
      ...{ phase: 'drive', machine: worker, machines: 2, worker, workers: 2, attempt, seed: 1 },
      memory,
    });
  };
  return { start };
}

function comesTo(context: ProgramContext): string {
  try {
    context.barrier();
    return 'went on';
  } catch (error) {
    return (error as AgentError).code;
  }
}

test('a worker that dies at the barrier and its successor are one', () => {
  using pool = openHeaps(1);
  const { start } = pod(pool);
  expect(comesTo(start(1))).toBe('DEADLINE');
  expect(comesTo(start(1, 2))).toBe('DEADLINE');
  expect(comesTo(start(2))).toBe('went on');
  expect(comesTo(start(1, 3))).toBe('went on');
});

test('every barrier waits for all, also of whoever begins anew', () => {
  using pool = openHeaps(1);
  const { start } = pod(pool);
  const [one, two] = [start(1), start(2)];
  expect(comesTo(one)).toBe('DEADLINE');
  expect(comesTo(two)).toBe('went on');
  expect(comesTo(two)).toBe('DEADLINE');
  const successor = start(1, 2);
  expect(comesTo(successor)).toBe('went on');
  expect(comesTo(successor)).toBe('went on');
  expect(comesTo(successor)).toBe('DEADLINE');
});
