/** Ways in which QEMU machines do not come up: each ends with a clear word, the right exit code, and nothing left. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bench, type Ended } from './cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

/** Boots a topology of two machines with these lines added. */
async function upWith(lines: string): Promise<Ended & { pod: string; console(machine: string): string }> {
  const pod = bench.newPod();
  const path = join(bench.folder, `${pod}.yaml`);
  writeFileSync(path, `name: ${pod}\n${lines}\n`);
  const ended = await bench.run(['up', path]);
  return {
    ...ended,
    pod,
    console: (machine) => readFileSync(join(bench.folder, '.runs', 'latest', 'machines', machine, 'console.log'), 'utf8'),
  };
}

const plainKernel = (parameters: string) => `qemuArguments: ['-append', 'console=ttyS0 quiet panic=-1 ${parameters}']`;

describe('an up', () => {
  test('that does not fit is refused, but not before leftovers, which may be what takes the room, are cleared', async () => {
    const pod = bench.newPod();
    const killed = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: 'format the pool' });
    await killed.said('held');
    killed.process.kill('SIGKILL');
    await killed.ended;
    const path = join(bench.folder, 'vast.yaml');
    writeFileSync(path, 'name: vast\naccelerator: tcg\nmachine: { memory: 60000GiB }\n');

    const { exitCode, stderr } = await bench.run(['up', path, '--name', pod]);

    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('more memory than this host has'),
    });
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('of machines that can have one CPU only is refused by the gate, which says why', async () => {
    const pod = bench.newPod();

    const { exitCode, stderr } = await bench.run(['up', 'one-cpu', '--name', pod]);

    expect(stderr).toContain('error: atomics between machines are not exact');
    expect(stderr).toContain('TCG emits non-atomic code for a machine that can only ever have one CPU');
    expect(stderr).toContain('try: machine.maxCpus: 2 or more');
    expect(exitCode).toBe(3);
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('under a name that somebody else’s network has says how to look at it and remove it', async () => {
    const pod = bench.newPod();
    const network = `cxlpod-${pod}`;
    execFileSync('docker', ['network', 'create', network]);

    try {
      const { exitCode, stderr } = await bench.run(['up', 'two', '--name', pod]);

      expect(stderr).toContain(
        `error: could not create network ${network}\n  because: network with name ${network} already exists`,
      );
      expect(stderr).toContain(
        `try: docker network inspect ${network} tells whose it is, and docker network rm ${network} removes it`,
      );
      expect(exitCode).toBe(3);
    } finally {
      execFileSync('docker', ['network', 'rm', network]);
    }
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('whose guest kernel panics says so at once, and keeps the console', async () => {
    const up = await upWith(plainKernel('rdinit=/none init=/none root=/dev/none'));

    expect(up.exitCode).toBe(3);
    expect(up.stderr).toMatch(/error: the kernel of vm[12] panicked\n {2}because: .*Kernel panic - not syncing/);
    const hint = /try: read (\S+\/machines\/vm[12]\/console\.log)/.exec(up.stderr);
    expect(readFileSync(hint![1]!, 'utf8')).toContain('Kernel panic');
    expect(`${up.console('vm1')}${up.console('vm2')}`).toContain('Kernel panic');
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('whose guest cannot make its region names the step', async () => {
    const up = await upWith(plainKernel('cxlpod.name=vm cxlpod.serial=0x1'));

    expect(up.exitCode).toBe(3);
    expect(up.stderr).toMatch(/error: vm[12] did not get past device\n {2}because: no CXL memory device has serial 0x1/);
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('with an argument that QEMU refuses quotes QEMU', async () => {
    const up = await upWith("qemuArguments: ['-device', 'flux-capacitor']");

    expect(up.exitCode).toBe(3);
    expect(up.stderr).toMatch(/error: vm[12] has ended\n {2}because: QEMU ended with exit code 1/);
    expect(up.stderr).toContain('flux-capacitor');
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('with a kernel that is none ends with what QEMU says', async () => {
    writeFileSync(join(bench.folder, 'vmlinux'), 'this is no kernel\n');

    const up = await upWith('kernel: vmlinux');

    expect(up.exitCode).toBe(3);
    expect(up.stderr).toMatch(/error: vm[12] has ended/);
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('whose consoles stay silent starts them once more, visibly, and then gives up', async () => {
    const up = await upWith("qemuArguments: ['-S']\ntimeouts: { consoleSilence: 1s }");

    expect(up.stderr).toMatch(/vm[12]: boot: its console was silent for 1 s: starting it once more/);
    expect(up.stderr).toMatch(/error: vm[12] did not boot: its console was silent for 1 s, 2 times/);
    expect(up.exitCode).toBe(3);
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('that takes longer than it may says what it saw last', async () => {
    const up = await upWith("qemuArguments: ['-S']\ntimeouts: { boot: 1s }");

    expect(up.stderr).toMatch(/error: vm[12]: boot did not end within 1 s/);
    expect(up.exitCode).toBe(3);
    expect(bench.leftovers(up.pod)).toEqual([]);
  });

  test('without an engine is refused before anything is made', async () => {
    const pod = bench.newPod();

    const { exitCode, stderr } = await bench.run(['up', 'two', '--name', pod], { DOCKER_HOST: 'unix:///nowhere/docker.sock' });

    expect(exitCode).toBe(3);
    expect(stderr).toContain('error: there is no docker engine');
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('whose engine dies under it says so, and down removes the rest when it is back', async () => {
    const pod = bench.newPod();
    const engine = await doorToEngine(join(bench.folder, 'docker.sock'));
    const up = bench.start(['up', 'two', '--name', pod], {
      DOCKER_HOST: `unix://${join(bench.folder, 'docker.sock')}`,
    });
    await up.said('vm1: boot');
    await up.said('vm2: boot');

    await engine.close();

    const { exitCode, stderr } = await up.ended;
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/error: (there is no docker engine|the docker engine does not answer)/);
    expect(stderr).toContain('cxlpod down');
    await bench.mustRun(['down', '--name', pod]);
    expect(bench.leftovers(pod)).toEqual([]);
  });
});

/** The steps between which containers, networks and guests come into being; the others are provider local's to test. */
const steps = ['create the shared memory', 'vm1: start', 'vm2: boot', 'prove that the memory is coherent'];

describe.each(steps)('an up of QEMU machines that has done "%s"', (step) => {
  test('and is interrupted takes everything back and ends with 130', async () => {
    const pod = bench.newPod();
    const up = bench.start(['up', 'two', '--name', pod], { CXLPOD_HOLD: step });
    await up.said(`${step}: held`);

    up.process.kill('SIGINT');

    expect((await up.ended).exitCode).toBe(130);
    expect(bench.leftovers(pod)).toEqual([]);
  });
});

describe.each(steps.slice(0, 3))('an up of QEMU machines that is killed after "%s"', (step) => {
  test('leaves nothing that down does not find', async () => {
    const pod = bench.newPod();
    const up = bench.start(['up', 'two', '--name', pod], { CXLPOD_HOLD: step });
    await up.said(`${step}: held`);
    up.process.kill('SIGKILL');
    await up.ended;

    await bench.mustRun(['down', '--name', pod]);

    expect(bench.leftovers(pod)).toEqual([]);
  });
});

/** A socket that leads to the real engine until it is closed with all who use it. */
async function doorToEngine(path: string): Promise<{ close(): Promise<void> }> {
  const real = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(real);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
