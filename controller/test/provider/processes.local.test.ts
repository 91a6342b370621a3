import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { brakeProcesses } from '../../src/provider/local/brake.ts';
import {
  continueProcesses,
  findProcesses,
  killProcesses,
  markedEnvironment,
  stopProcesses,
} from '../../src/provider/processes.ts';

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  // What those have started in turn.
  for (const name of 'abcdefg') await killProcesses(pod(name));
});

async function start(environment: NodeJS.ProcessEnv, script = 'exec sleep 1000'): Promise<number> {
  const child = spawn('sh', ['-c', `echo; ${script}`], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  // Its first word shows that it runs its own program, environment and all.
  await once(child.stdout, 'data');
  return child.pid!;
}

/** Of each thread: R, S, T and so on. */
function statesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .charAt(0),
  );
}

const isStopped = (pid: number): boolean => statesOf(pid).every((state) => state === 'T');

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const pod = (name: string): string => `processes-test-${process.pid}-${name}`;

describe('the processes of a pod', () => {
  test('are those that carry its mark, children included, and no others', async () => {
    const one = await start(markedEnvironment(pod('a'), 'vm1'));
    const two = await start(markedEnvironment(pod('a'), 'vm2'), 'sleep 1000 & wait');
    await start(markedEnvironment(pod('ab'), 'vm1'));
    await start({ ...process.env });

    const found = findProcesses(pod('a'));

    expect(found.map(({ pid }) => pid)).toEqual(expect.arrayContaining([one, two]));
    expect(found.filter(({ machine }) => machine === 'vm1')).toEqual([{ pid: one, machine: 'vm1' }]);
    expect(found.length).toBeGreaterThanOrEqual(2);
  });

  test('are gone when killing them has returned, and strangers are not touched', async () => {
    await start(markedEnvironment(pod('b'), 'vm1'), 'sleep 1000 & sleep 1000 & wait');
    const stranger = await start(markedEnvironment(pod('c'), 'vm1'));

    const killed = await killProcesses(pod('b'));

    expect(killed).toBeGreaterThanOrEqual(1);
    expect(findProcesses(pod('b'))).toEqual([]);
    expect(findProcesses(pod('c'))).toEqual([{ pid: stranger, machine: 'vm1' }]);
  });

  test('of one machine can be ended alone', async () => {
    await start(markedEnvironment(pod('d'), 'vm1'));
    const survivor = await start(markedEnvironment(pod('d'), 'vm2'));

    await killProcesses(pod('d'), 'vm1');

    expect(findProcesses(pod('d'))).toEqual([{ pid: survivor, machine: 'vm2' }]);
  });

  test('that are not there need no killing', async () => {
    expect(await killProcesses(pod('e'))).toBe(0);
  });

  test('stand still, children included, when stopping them has returned, and go on afterwards', async () => {
    await start(markedEnvironment(pod('f'), 'vm1'), 'while :; do :; done & while :; do :; done');
    const other = await start(markedEnvironment(pod('f'), 'vm2'));

    await stopProcesses(pod('f'), 'vm1');

    const stopped = findProcesses(pod('f'), 'vm1');
    expect(stopped.map(({ pid }) => isStopped(pid))).toEqual([true, true]);
    expect(isStopped(other)).toBe(false);
    continueProcesses(pod('f'), 'vm1');
    await until(() => stopped.every(({ pid }) => !isStopped(pid)));
  });

  test('that are slowed are stopped and go on again and again, and run when they are released', async () => {
    const pid = await start(markedEnvironment(pod('g'), 'vm1'), 'while :; do :; done');

    const brake = brakeProcesses(pod('g'), 'vm1', 0.2);

    for (let times = 0; times < 3; times++) {
      await until(() => isStopped(pid));
      await until(() => !isStopped(pid));
    }
    await brake.release();
    expect(isStopped(pid)).toBe(false);
  });
});
