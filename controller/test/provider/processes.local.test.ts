import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { findProcesses, killProcesses, markedEnvironment } from '../../src/provider/processes.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function start(environment: NodeJS.ProcessEnv, script = 'exec sleep 1000'): Promise<number> {
  const child = spawn('sh', ['-c', `echo; ${script}`], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  // Its first word shows that it runs its own program, environment and all.
  await once(child.stdout, 'data');
  return child.pid!;
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
});
