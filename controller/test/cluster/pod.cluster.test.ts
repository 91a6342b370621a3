/** A pod of two QEMU machines, booted once for this file; the tests below follow each other on it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod } from '../../src/cluster/pod.ts';
import type { PodStatus } from '../../src/cluster/pod-status.ts';
import { connectEngine } from '../../src/engine/docker.ts';
import { readPodKeys } from '../../src/provider/qemu/pod-keys.ts';
import { makeSshKeyPair } from '../../src/ssh/key-pair.ts';
import { connectSsh } from '../../src/ssh/ssh.ts';
import { Bench, type Ended } from './cxlpod.ts';

let bench: Bench;
let pod: string;
let up: Ended;
let opened: Pod | null = null;

beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  up = await bench.mustRun(['up', 'two', '--name', pod, '--json']);
  // The modules under test find the pod where the program put it.
  process.env.XDG_STATE_HOME = join(bench.folder, 'state');
});

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await bench.clear();
});

const exec = (machine: string, ...argv: string[]): Promise<Ended> => bench.run(['exec', '--name', pod, machine, '--', ...argv]);

async function openedPod(): Promise<Pod> {
  opened ??= await openPod(pod);
  return opened;
}

describe('a pod of QEMU machines', () => {
  test('is up with its memory proved coherent, and says on what', () => {
    expect(up.stderr).toMatch(/accelerator (tcg|kvm): /);
    expect(up.stderr).toMatch(/coherent: 2 machines kept ([\d,]+) of \1 atomic increments and lost [1-9]/);
    const status = JSON.parse(up.stdout) as PodStatus;
    expect(status).toMatchObject({ phase: 'up', provider: 'qemu', gate: { verdict: 'passed' } });
    expect(status.environment?.versions.qemu).toMatch(/^1[1-9]\./);
    expect(status.machines.map(({ agent }) => agent?.pool)).toEqual([
      { path: '/dev/cxlpod-pool', sizeBytes: 256 * 1024 ** 2, formatted: true },
      { path: '/dev/cxlpod-pool', sizeBytes: 256 * 1024 ** 2, formatted: true },
    ]);
  });

  test('keeps the command line of each machine', () => {
    for (const machine of ['vm1', 'vm2']) {
      expect(readFileSync(join(bench.podFolder(pod), 'machines', machine, 'qemu.cmd'), 'utf8')).toContain('cxl-type3,');
    }
  });

  test('passes on what a program on a machine says and how it ends', async () => {
    expect(await exec('vm2', 'sh', '-c', 'hostname; echo err >&2; exit 7')).toMatchObject({
      exitCode: 7,
      stdout: 'vm2\n',
      stderr: 'err\n',
    });
  });

  test('connects its machines by a network of their own', async () => {
    const { machines } = JSON.parse(up.stdout) as PodStatus;

    expect(await exec('vm1', 'ping', '-c', '1', '-W', '5', machines[1]!.podAddress)).toMatchObject({ exitCode: 0 });
  });

  test('shows console and agent of a machine', async () => {
    const { stdout } = await bench.mustRun(['logs', '--name', pod, 'vm1']);

    expect(stdout).toContain('vm1 console: cxlpod: ready');
    expect(stdout).toMatch(/^vm1 agent: .*agent of vm1/m);
  });

  test('is not disturbed by a second up of its name', async () => {
    const second = await bench.run(['up', 'two', '--name', pod]);

    expect(second).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`pod ${pod} is already up`) });
    expect((await bench.run(['status', '--name', pod])).exitCode).toBe(0);
  });

  test('stands beside another one with a memory type of its own, on a network of its own, and outlives it', async () => {
    const other = bench.newPod();
    const typed = join(bench.folder, 'typed.yaml');
    writeFileSync(typed, 'name: typed\nmachines: 2\ndevice: { memoryType: write-combining }\n');
    const beside = await bench.mustRun(['up', typed, '--name', other, '--json']);
    const addresses = [up, beside].flatMap(({ stdout }) =>
      (JSON.parse(stdout) as PodStatus).machines.map(({ podAddress }) => podAddress),
    );
    expect(new Set(addresses).size).toBe(4);
    const register = expect.stringMatching(/size= *256MB.*: write-combining$/);
    expect((JSON.parse(beside.stdout) as PodStatus).environment?.memoryType).toEqual({
      type: 'write-combining',
      registers: { vm1: [register], vm2: [register] },
    });
    const shown = await bench.mustRun(['exec', '--name', other, 'vm2', '--', 'cat', '/proc/mtrr']);
    expect(shown.stdout).toMatch(/256MB.*: write-combining$/m);
    const status = await bench.mustRun(['status', '--name', other]);
    expect(status.stdout).toMatch(/^device: write-combining\. .*configuration only\./m);
    expect(JSON.parse(up.stdout)).not.toHaveProperty('environment.memoryType');

    await bench.mustRun(['down', '--name', other]);

    expect(bench.leftovers(other)).toEqual([]);
    expect((await bench.run(['status', '--name', pod])).exitCode).toBe(0);
  });

  test('is proved coherent again while it runs, and after a reset', async () => {
    const doctor = await bench.mustRun(['doctor', '--pod', '--name', pod, '--json']);
    const reset = await bench.mustRun(['reset', '--name', pod, '--json']);

    for (const { stdout } of [doctor, reset]) expect(JSON.parse(stdout)).toMatchObject({ verdict: 'passed' });
  });
});

describe('a machine', () => {
  test('is known by the host key of its pod: another one is refused, and another client too', async () => {
    const { paths } = await openedPod();
    const keys = await readPodKeys(paths);
    const container = await connectEngine().container(`cxlpod-${pod}-vm1`).inspect();
    const target = { machine: 'vm1', host: '127.0.0.1', port: container!.publishedPorts[22]!, privateKey: keys.clientPrivateKey };
    const stranger = makeSshKeyPair('stranger');

    const wrongHost = connectSsh({ ...target, hostPublicKey: stranger.publicKey }, { deadlineMs: 20_000 });
    await expect(wrongHost).rejects.toMatchObject({ code: 'SSH_HOST_KEY' });

    const wrongClient = { ...target, privateKey: stranger.privateKey, hostPublicKey: keys.hostPublicKey };
    await expect(connectSsh(wrongClient, { deadlineMs: 1_000 })).rejects.toMatchObject({ code: 'SSH_SILENT' });
  });

  test('that is paused answers when it is resumed, over the same channel', async () => {
    const { machine, agent } = (await openedPod()).machine('vm1');

    await machine.pause();
    const asked = agent.request('status', {});
    await expect(agent.request('status', {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'AGENT_SILENT' });
    await machine.resume();

    expect(await asked).toMatchObject({ machine: 'vm1' });
    expect(agent.reattachCount).toBe(0);
  });

  test('can lose the network of the pod and keep the one it is controlled by, and the other way round', async () => {
    const { machine, agent } = (await openedPod()).machine('vm1');
    const { podAddress } = (await openedPod()).machine('vm2').machine;
    const ping = () => machine.exec(['ping', '-c', '1', '-W', '1', podAddress]);

    await machine.setLink('pod', false);
    expect((await ping()).exitCode).toBe(1);
    await machine.setLink('pod', true);
    await machine.setLink('control', false);
    const asked = agent.request('status', {});
    await expect(agent.request('status', {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'AGENT_SILENT' });
    const reached = (await openedPod()).machine('vm2').machine.exec(['ping', '-c', '1', '-W', '5', machine.podAddress]);
    expect((await reached).exitCode).toBe(0);
    await machine.setLink('control', true);

    expect(await asked).toMatchObject({ machine: 'vm1' });
    expect((await ping()).exitCode).toBe(0);
  });

  test('whose ssh connection is cut is attached again, and a request under way gets its answer from one execution', async () => {
    const { machine, agent } = (await openedPod()).machine('vm1');
    const before = agent.reattachCount;
    const script = 'echo ran >>/tmp/witness; until [ -e /tmp/go ]; do sleep 0.05; done; wc -l </tmp/witness';
    const asked = agent.request('exec', { argv: ['sh', '-c', script], timeoutMs: 30_000 });
    while ((await machine.exec(['test', '-e', '/tmp/witness'])).exitCode !== 0);

    await machine.close();
    while (agent.reattachCount === before) await new Promise((resolve) => setImmediate(resolve));
    await machine.exec(['touch', '/tmp/go']);

    expect(await asked).toMatchObject({ exitCode: 0, stdout: '1\n' });
  });

  test('whose agent is killed is told from one that is slow', async () => {
    const { machine, agent } = (await openedPod()).machine('vm2');
    const asked = agent.request('exec', { argv: ['sleep', '1000'], timeoutMs: 600_000 }).catch((error: unknown) => error);

    await machine.exec(['sh', '-c', 'kill -9 $(cat /run/cxlpod/agent.pid)']);

    expect(await asked).toMatchObject({ code: 'AGENT_DIED', message: 'the agent of vm2 has ended' });
    const status = await bench.run(['status', '--name', pod, '--json']);
    expect(status.exitCode).toBe(3);
    expect((JSON.parse(status.stdout) as PodStatus).machines[1]).toMatchObject({ alive: true, problem: { code: 'AGENT_DIED' } });
  });

  test('that is powered off has ended when that is said, and the other one lives', async () => {
    const { machine } = (await openedPod()).machine('vm2');

    await machine.powerOff();

    expect(await machine.isAlive()).toBe(false);
    const status = await bench.run(['status', '--name', pod, '--json']);
    expect((JSON.parse(status.stdout) as PodStatus).machines.map(({ alive }) => alive)).toEqual([true, false]);
    expect((await exec('vm1', 'true')).exitCode).toBe(0);
    expect(await exec('vm2', 'true')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('vm2 has ended') });
  });
});

test('a pod that goes down leaves nothing, half dead as it is', async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = null;

  const down = await bench.mustRun(['down', '--name', pod, '--json']);

  expect(JSON.parse(down.stdout)[0].removed).toEqual(
    expect.arrayContaining([`container cxlpod-${pod}-vm1`, `container cxlpod-${pod}-vm2`, `network cxlpod-${pod}`]),
  );
  expect(bench.leftovers(pod)).toEqual([]);
  expect(existsSync(`/dev/shm/cxlpod/${pod}`)).toBe(false);
  expect((await bench.run(['down', '--name', pod])).exitCode).toBe(0);
});
