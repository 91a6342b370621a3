/** A pod's life on provider local: real daemons, real sockets, real SIGKILL, in a state folder of the test's own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectPoolFile } from '@cxlpod/agent/inspect';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { PodStatus } from '../../src/cluster/pod-status.ts';
import { Bench } from './cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

/** In the order of `up`. */
const steps = [
  'check the host',
  'clear leftovers',
  'create the shared memory',
  'vm1: start',
  'vm2: boot',
  'vm1: agent',
  'format the pool',
  'prove that the memory is coherent',
  'note that it is up',
];

describe('a pod', () => {
  test('comes up, answers its verbs, and goes down without a trace', async () => {
    const pod = bench.newPod();

    const up = await bench.mustRun(['up', 'local', '--name', pod, '--json']);

    expect(up.stderr).toMatch(/coherent: 2 machines kept ([\d,]+) of \1 atomic increments and lost [1-9]/);
    expect(up.stderr).toMatch(
      /heap: \d+ segments of .* 256 clients, 64 names, 256 queues of 64; flush policy none, coherence hardware/,
    );
    const status = JSON.parse(up.stdout) as PodStatus;
    expect(status).toMatchObject({ pod, phase: 'up', gate: { verdict: 'passed' } });
    expect(status.machines.map(({ alive, agent }) => ({ alive, formatted: agent?.pool?.formatted }))).toEqual([
      { alive: true, formatted: true },
      { alive: true, formatted: true },
    ]);

    const shown = await bench.mustRun(['status', '--name', pod]);
    expect(shown.stdout).toMatch(/vm2 +runs/);
    const logs = await bench.mustRun(['logs', '--name', pod, 'vm1']);
    expect(logs.stdout).toContain('vm1 agent: ');
    const doctor = await bench.mustRun(['doctor', '--pod', '--name', pod, '--json']);
    expect(JSON.parse(doctor.stdout)).toMatchObject({ verdict: 'passed' });

    const down = await bench.mustRun(['down', '--name', pod, '--json']);
    expect(JSON.parse(down.stdout)).toMatchObject([{ pod, removed: expect.arrayContaining(['pool and history']) }]);
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('has the heap that its topology asks for, also after a reset', async () => {
    const pod = bench.newPod();
    const file = join(bench.folder, 'cut.yaml');
    writeFileSync(
      file,
      'name: cut\nprovider: local\npool: { heap: { clients: 16, pageSize: 16KiB, segmentSize: 1MiB, names: 8, queues: 4, queueCapacity: 8, flushPolicy: host, coherence: none } }\n',
    );
    const asked = {
      shape: {
        clientCount: 16,
        pageBytes: 16_384,
        segmentBytes: 1_048_576,
        nameCount: 8,
        queueCount: 4,
        queueCapacity: 8,
        flushPolicy: 'host',
        coherence: 'none',
      },
    };

    const up = await bench.mustRun(['up', file, '--name', pod]);
    const inspected = await bench.mustRun(['inspect', '--name', pod, '--json']);
    await bench.mustRun(['reset', '--name', pod]);
    const again = await bench.mustRun(['inspect', '--name', pod, '--json']);

    expect(up.stderr).toContain('REFUSED to everybody: the device promises no coherence between machines');
    expect(JSON.parse(inspected.stdout)).toMatchObject({ heap: asked });
    expect(JSON.parse(again.stdout)).toMatchObject({ heap: asked, problems: [] });
  });

  test('passes on what a program says and how it ends', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);

    const exec = await bench.run(['exec', '--name', pod, 'vm2', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    const asJson = await bench.run(['exec', '--json', '--name', pod, 'vm2', '--', 'printf', '%s', "two words and 'quotes'"]);
    const slow = await bench.run(['exec', '--timeout', '0.2', '--name', pod, 'vm2', '--', 'sleep', '1000']);
    const noSuch = await bench.run(['exec', '--name', pod, 'vm3', '--', 'true']);

    expect(exec).toMatchObject({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(JSON.parse(asJson.stdout)).toEqual({ exitCode: 0, stdout: "two words and 'quotes'", stderr: '' });
    expect(slow).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('sleep 1000 did not end within 0.2 s') });
    expect(noSuch).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('its machines are vm1, vm2') });
    expect(bench.processes(pod, 'sleep')).toEqual([]);
  });

  test('refuses a second up of its name, and is not harmed by it', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);

    const second = await bench.run(['up', 'local', '--name', pod, '--json']);

    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain(`error: pod ${pod} is already up`);
    expect(JSON.parse(second.stdout)).toMatchObject({ error: { code: 'POD_ALREADY_UP' } });
    expect((await bench.run(['status', '--name', pod])).exitCode).toBe(0);
  });

  test('stands beside another one, and outlives it', async () => {
    const [left, right] = [bench.newPod(), bench.newPod()];
    await bench.mustRun(['up', 'local', '--name', left]);
    await bench.mustRun(['up', 'local', '--name', right]);

    await bench.mustRun(['down', '--name', left]);

    expect(bench.leftovers(left)).toEqual([]);
    expect((await bench.run(['status', '--name', right])).exitCode).toBe(0);
    await bench.mustRun(['doctor', '--pod', '--name', right]);
  });

  test('of another state folder is told by name and not touched, neither by down nor by an up of its name', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const other = new Bench();
    onTestFinished(() => other.clear());

    const all = await other.mustRun(['down', '--all', '--json']);
    expect(JSON.parse(all.stdout)).toEqual([]);
    const how = `XDG_STATE_HOME=${bench.stateFolder} cxlpod down --name ${pod}`;
    expect(all.stderr).toContain(`not touched: ${pod} is of the state folder ${bench.stateFolder}: ${how}`);
    for (const argv of [
      ['down', '--name', pod],
      ['up', 'local', '--name', pod],
    ]) {
      const refused = await other.run(argv);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain(`pod ${pod} is not of this state folder`);
      expect(refused.stderr).toContain(how);
    }

    expect((await bench.mustRun(['status', '--name', pod])).stdout).toContain('vm1');
    await bench.mustRun(['down', '--name', pod]);
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('is blank and proved again after reset', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);

    const reset = await bench.mustRun(['reset', '--name', pod, '--json']);

    expect(JSON.parse(reset.stdout)).toMatchObject({ verdict: 'passed' });
    const status = await bench.mustRun(['status', '--name', pod, '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ gate: { verdict: 'passed' } });
  });

  test('whose reset did not come to its end is not called coherent any more, until its gate has run again', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const gate = async () => (JSON.parse((await bench.run(['status', '--name', pod, '--json'])).stdout) as PodStatus).gate;
    const reset = bench.start(['reset', '--name', pod], { CXLPOD_HOLD: 'format the pool' });
    await reset.said('held');

    reset.process.kill('SIGKILL');
    await reset.ended;

    expect(await gate()).toBeNull();
    const run = await bench.run(['run', 'ping', '--name', pod]);
    expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('is not proved coherent') });
    await bench.mustRun(['doctor', '--pod', '--name', pod]);
    expect(await gate()).toMatchObject({ verdict: 'passed' });
  });

  test('is proved again though a controller was killed in its gate', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const doctor = bench.start(['doctor', '--pod', '--name', pod]);
    await vi.waitUntil(() => bench.processes(pod, 'worker.mjs').length === 2, { timeout: 30_000, interval: 5 });

    doctor.process.kill('SIGKILL');
    await doctor.ended;

    await bench.mustRun(['doctor', '--pod', '--name', pod]);
  });

  test('has a shell that tells its exit code as JSON', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);

    const shell = await bench.run(['shell', '--json', '--name', pod, 'vm1'], { SHELL: '/bin/false' });

    expect(shell.exitCode).toBe(1);
    expect(JSON.parse(shell.stdout)).toEqual({ machine: 'vm1', exitCode: 1 });
  });

  test('that nobody made is no trouble for down, twice', async () => {
    const pod = bench.newPod();

    const first = await bench.run(['down', '--name', pod]);
    const again = await bench.run(['down', '--name', pod]);

    expect([first.exitCode, again.exitCode]).toEqual([0, 0]);
    expect(again.stderr).toContain(`${pod}: nothing was there`);
  });

  test('that went down is not there for the other verbs', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    await bench.mustRun(['down', '--name', pod]);

    for (const verb of [['status'], ['exec', 'vm1', '--', 'true'], ['logs'], ['reset'], ['doctor', '--pod']]) {
      const { exitCode, stderr } = await bench.run([verb[0]!, '--name', pod, ...verb.slice(1)]);
      expect({ verb, exitCode, stderr }).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(`there is no pod ${pod}`),
      });
    }
  });

  test('is changed by one controller at a time', async () => {
    const pod = bench.newPod();
    const first = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: 'format the pool' });
    await first.said('held');

    const second = await bench.run(['up', 'local', '--name', pod]);
    const down = await bench.run(['down', '--name', pod]);

    for (const refused of [second, down]) {
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain(`by cxlpod up, process ${first.process.pid}`);
    }
    first.process.kill('SIGINT');
    await first.ended;
    expect(bench.leftovers(pod)).toEqual([]);
  });
});

describe.each(steps)('an up that has done "%s"', (step) => {
  test('and is interrupted takes everything back and ends with 130', async () => {
    const pod = bench.newPod();
    const up = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: step });
    await up.said(`${step}: held`);

    up.process.kill('SIGINT');

    const { exitCode, stderr } = await up.ended;
    expect(exitCode).toBe(130);
    expect(stderr).toContain(`error: up ${pod} was interrupted`);
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('and is killed leaves nothing that down does not find', async () => {
    const pod = bench.newPod();
    const up = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: step });
    await up.said(`${step}: held`);

    up.process.kill('SIGKILL');
    await up.ended;

    await bench.mustRun(['down', '--name', pod]);
    expect(bench.leftovers(pod)).toEqual([]);
  });
});

describe('what an up that was killed left', () => {
  test('is cleared by the next up of that name', async () => {
    const pod = bench.newPod();
    const up = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: 'prove that the memory is coherent' });
    await up.said('held');
    up.process.kill('SIGKILL');
    await up.ended;
    const abandoned = bench.processes(pod);

    const second = await bench.mustRun(['up', 'local', '--name', pod]);

    expect(second.stderr).toMatch(/clear leftovers: removed \d+ processes, pool and history/);
    expect(bench.processes(pod).filter((pid) => abandoned.includes(pid))).toEqual([]);
  });

  test('is found by down even when its state says nothing readable', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    writeFileSync(join(bench.podFolder(pod), 'state.json'), '{"version":');

    expect((await bench.run(['status', '--name', pod])).exitCode).toBe(3);
    await bench.mustRun(['down', '--name', pod]);

    expect(bench.leftovers(pod)).toEqual([]);
  });
});

test('a second interrupt ends at once, and down finds the rest', async () => {
  const pod = bench.newPod();
  const up = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: 'format the pool' });
  await up.said('held');

  up.process.kill('SIGINT');
  up.process.kill('SIGTERM');

  expect((await up.ended).exitCode).toBe(130);
  await bench.mustRun(['down', '--name', pod]);
  expect(bench.leftovers(pod)).toEqual([]);
});

test('a terminal that closes is an interrupt that is heard once, and nobody has to listen to what is said', async () => {
  const pod = bench.newPod();
  const up = bench.start(['up', 'local', '--name', pod], { CXLPOD_HOLD: 'format the pool' });
  await up.said('held');

  up.process.stderr!.destroy();
  up.process.kill('SIGHUP');
  up.process.kill('SIGHUP');

  expect((await up.ended).exitCode).toBe(130);
  expect(bench.leftovers(pod)).toEqual([]);
});

test('what nobody listens to any more goes on', async () => {
  const pod = bench.newPod();
  const up = bench.start(['up', 'local', '--name', pod]);
  await up.said('clear leftovers');

  up.process.stderr!.destroy();

  expect((await up.ended).exitCode).toBe(0);
  await bench.mustRun(['down', '--name', pod]);
});

describe('an agent', () => {
  test('that is killed in the middle of a run leaves nothing that down does not find', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const { run, workers } = await killAgentInRun(pod);
    run.process.kill('SIGKILL');
    await run.ended;
    expect(workers.length).toBe(2);
    expect(bench.processes(pod, 'worker.mjs')).toEqual(expect.arrayContaining(workers));

    await bench.mustRun(['down', '--name', pod]);

    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('that was killed is replaced by reset, and what it left is ended', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const { run, workers } = await killAgentInRun(pod);
    run.process.kill('SIGKILL');
    await run.ended;

    await bench.mustRun(['reset', '--name', pod]);

    expect(bench.processes(pod, 'worker.mjs').filter((pid) => workers.includes(pid))).toEqual([]);
    expect((await bench.run(['status', '--name', pod])).exitCode).toBe(0);
  });

  /** `workers`: those that are at their tasks without it. */
  const killAgentInRun = async (pod: string) => {
    const scenario = join(bench.folder, `${pod}.yaml`);
    writeFileSync(scenario, `name: endless\ntopology: local\nworkload: { name: calls, calls: 100000 }\n`);
    const run = bench.start(['run', scenario, '--name', pod]);
    await run.said('100000 calls, one by one');
    const pool = () => inspectPoolFile(`/dev/shm/cxlpod/${pod}/pool.raw`);
    const isServed = () => pool().connections.some(({ served }) => served > 0);
    await vi.waitUntil(isServed, { timeout: 60_000, interval: 5 });
    const workers = pool().clients.flatMap(({ state, pid }) => (state === 'joined' ? [pid] : []));
    // Stopped, or their tasks might be over before anybody looks.
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    const agent = join(bench.podFolder(pod), 'machines', 'vm1', 'agent', 'agent.mjs');
    for (const pid of bench.processes(pod, agent)) process.kill(pid, 'SIGKILL');
    return { run, workers };
  };

  test('that crashes at its start is told with its last words, and the rest is taken back', async () => {
    const pod = bench.newPod();
    const crash = join(bench.folder, 'crash.cjs');
    writeFileSync(crash, "if (/agent\\.mjs$/.test(process.argv[1] ?? '')) throw new Error('no luck today');\n");

    const up = await bench.run(['up', 'local', '--name', pod], { NODE_OPTIONS: `--require ${crash}` });

    expect(up.exitCode).toBe(3);
    expect(up.stderr).toMatch(/error: the agent of vm[12] has ended\n {2}because: /);
    expect(up.stderr).toContain('no luck today');
    expect(bench.leftovers(pod)).toEqual([]);
  });

  test('of another protocol or layout is refused by name', async () => {
    const pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    const replaceAgent = async (machine: string, change: (source: string) => string): Promise<void> => {
      const folder = join(bench.podFolder(pod), 'machines', machine);
      const agent = join(folder, 'agent', 'agent.mjs');
      for (const pid of bench.processes(pod, agent)) process.kill(pid, 'SIGKILL');
      const source = readFileSync(agent, 'utf8');
      expect(change(source)).not.toBe(source);
      writeFileSync(agent, change(source));
      const script = [
        `cd ${folder} && rm -f agent.sock`,
        `setsid -f node ${agent} --socket $PWD/agent.sock --folder $PWD/agent --log $PWD/agent.log >/dev/null 2>&1 </dev/null`,
        'until [ -S agent.sock ]; do :; done',
      ].join('; ');
      await bench.mustRun(['exec', '--name', pod, machine, '--', 'sh', '-c', script]);
    };
    await replaceAgent('vm1', (source) => source.replace(/protocolVersion = \d+/, 'protocolVersion = 99'));
    await replaceAgent('vm2', (source) => source.replace(/layout: \w+,/, 'layout: "0123456789abcdef",'));

    const { exitCode, stdout } = await bench.run(['status', '--name', pod, '--json']);

    expect(exitCode).toBe(3);
    expect((JSON.parse(stdout) as PodStatus).machines.map(({ problem }) => problem?.code)).toEqual([
      'PROTOCOL_MISMATCH',
      'LAYOUT_MISMATCH',
    ]);
    const run = await bench.run(['reset', '--name', pod]);
    expect(run.stderr).toContain('cxlpod down, then cxlpod up');
  });
});

describe('the command line', () => {
  test.each([
    [['statuss'], "unknown command 'statuss'", 'Did you mean status?'],
    [['up', '--nmae', 'x'], "unknown option '--nmae'", 'Did you mean --name?'],
    [['down', 'two'], 'too many arguments', ''],
    [['up', 'twoo'], 'there is no topology "twoo"', 'did you mean two?'],
    [['up', 'two', '--name', '../evil'], 'cannot be the name of a pod', ''],
    [['exec', '--timeout', 'soon', 'vm1', '--', 'true'], '--timeout soon', ''],
  ])('%j is refused with exit code 2', async (argv, expected, suggestion) => {
    const { exitCode, stderr } = await bench.run(argv);

    expect(exitCode).toBe(2);
    expect(stderr).toContain(expected);
    expect(stderr).toContain(suggestion);
  });

  test('prints a topology that it takes', async () => {
    const { stdout } = await bench.mustRun(['config', 'print', 'local']);
    mkdirSync(join(bench.folder, 'mine'), { recursive: true });
    const path = join(bench.folder, 'mine', 'mine.yaml');
    writeFileSync(path, stdout);

    expect((await bench.mustRun(['config', 'print', path])).stdout).toBe(stdout);
  });

  test('says nothing on standard error with --quiet', async () => {
    const pod = bench.newPod();

    expect((await bench.mustRun(['up', 'local', '--name', pod, '--quiet'])).stderr).toBe('');
    expect((await bench.mustRun(['down', '--name', pod, '--quiet'])).stderr).toBe('');
  });
});
