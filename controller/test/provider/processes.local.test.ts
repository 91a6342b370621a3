import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProcesses, killProcesses, markedEnvironment } from '../../src/provider/processes.ts';

const pod = `marks-${process.pid}`;
let program: ChildProcess;

beforeEach(async () => {
  // As `exec` of a workload starts a program of the user's.
  program = spawn('sleep', ['600'], { env: { ...markedEnvironment(pod, 'vm2'), CXLPOD_MACHINE: '2', CXLPOD_WORKER: '1' } });
  await once(program, 'spawn');
});
afterEach(() => program.kill('SIGKILL'));

test("a program of the user's is a process of its machine, and ends with it", async () => {
  expect(findProcesses(pod, 'vm1')).toEqual([]);
  expect(findProcesses(pod, 'vm2')).toEqual([{ pid: program.pid, machine: 'vm2' }]);

  expect(await killProcesses(pod, 'vm2')).toBe(1);
  expect(findProcesses(pod)).toEqual([]);
});
