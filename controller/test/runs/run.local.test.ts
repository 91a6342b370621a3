/** Runs on provider local, by the command line: real daemons, real workers, a real SIGKILL at a crash point. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodStatus } from '../../src/cluster/pod-status.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench, type Ended } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

function scenario(name: string, text: string): string {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\n${text}`);
  return path;
}

const record = (ended: Ended): RunRecord => (JSON.parse(ended.stdout) as RunRecord[])[0]!;
const check = (run: RunRecord, name: string) => run.checks.find((each) => each.name === name);

async function workers(): Promise<string[]> {
  const { stdout } = await bench.run(['status', '--name', pod, '--json']);
  return (JSON.parse(stdout) as PodStatus).machines.flatMap(({ agent }) => agent!.workers.map(({ worker }) => worker));
}

/** Unless the run that was interrupted has killed it by now. */
function goOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

describe('a run', () => {
  test('of both scenarios of the demo is valid, leaves every file that design §5 names, and links the two reports', async () => {
    const ended = await bench.mustRun(['run', '--name', pod, 'ping', 'server-dies-after-execute']);

    const [ping, crash] = ended.stdout.trim().split('\n');
    expect(ended.stderr).toMatch(/VALID +ping[\s\S]*VALID +server-dies-after-execute/);
    const files = [
      'run.json',
      'scenario.yaml',
      'topology.yaml',
      'history.ndjson',
      'trace.json',
      'report.html',
      'summary.md',
      'junit.xml',
    ];
    for (const folder of [ping!, crash!]) {
      for (const file of [...files, 'pool/audit.json', 'machines/vm1/agent.log']) {
        expect(existsSync(join(folder, file)), `${file} in ${folder}`).toBe(true);
      }
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain(`/report.html"><span class="valid">`);
    }
    for (const tag of ['floor', 'floor-again', 'rpc-core', 'rpc-javascript', 'tcp', 'word-ping-pong']) {
      expect(readFileSync(join(ping!, 'latency', `${tag}.hlog`), 'utf8').match(new RegExp(`^Tag=${tag},`, 'gm'))).toHaveLength(5);
    }
    expect(readlinkSync(join(bench.folder, '.runs', 'latest'))).toBe(crash!.split('/').at(-1));

    const run = JSON.parse(readFileSync(join(crash!, 'run.json'), 'utf8')) as RunRecord;
    expect(run).toMatchObject({ verdict: 'valid', restarts: { workers: 1 }, environment: { accelerator: 'none' }, error: null });
    expect(run.checks.every(({ verdict }) => verdict === 'valid')).toBe(true);
    expect(run.exits.filter(({ signal }) => signal === 'SIGKILL')).toHaveLength(1);
    const history = readFileSync(join(crash!, 'history.ndjson'), 'utf8');
    expect(history.match(/"kind":"last-words"/g)).toHaveLength(1);
    expect(history.match(/"outcome":"unknown"/g)).toHaveLength(1);
    expect(await workers()).toEqual([]);
  });

  test('can be asked afterwards for its traces and report, and the pool for what is in it', async () => {
    const traces = await bench.mustRun(['traces', '--json']);
    const report = await bench.mustRun(['report', '--json']);
    const inspect = await bench.mustRun(['inspect', '--name', pod, '--json']);

    const { trace, latencies } = JSON.parse(traces.stdout) as { trace: string; latencies: { p50Ns: number }[] };
    expect(existsSync(trace)).toBe(true);
    expect(latencies[0]!.p50Ns).toBeGreaterThan(0);
    expect(JSON.parse(report.stdout)).toMatchObject({ verdict: 'valid', report: expect.stringMatching(/report\.html$/) });
    expect(JSON.parse(inspect.stdout)).toMatchObject({
      format: 2,
      superblock: { state: 'formatted' },
      heap: { shape: { clientCount: 256, flushPolicy: 'none', coherence: 'hardware' }, objects: 0, unreachable: 0 },
      inUse: false,
      problems: [],
      findings: [],
    });
    expect((await bench.mustRun(['inspect', '--name', pod])).stdout).toContain('problems: none');
    expect((await bench.mustRun(['traces'])).stdout).toContain('p99.9');
  });

  test('whose fault never fires is unknown, never valid', async () => {
    const never = scenario(
      'never',
      'workload: { name: calls, calls: 200 }\nfaults: [{ killWorker: { on: vm1, at: rpc/serve/after-execute, hit: 1000000 } }]\n',
    );

    const ended = await bench.run(['run', '--name', pod, '--json', never]);

    expect(ended.exitCode).toBe(4);
    expect(record(ended).verdict).toBe('unknown');
    expect(check(record(ended), 'fault-fired')).toMatchObject({
      verdict: 'unknown',
      sentence: expect.stringContaining('did not die'),
    });
  });

  test('whose server is killed by nobody’s plan is invalid, and says who died', async () => {
    const long = scenario('long', 'workload: { name: calls, calls: 100000, reconnectWithin: 1s }\n');

    const running = bench.start(['run', '--name', pod, '--json', long]);
    await running.said('one by one');
    process.kill(workerOn('vm1'), 'SIGKILL');
    const ended = await running.ended;

    expect(ended.exitCode).toBe(1);
    expect(check(record(ended), 'only-planned-deaths')).toMatchObject({
      verdict: 'invalid',
      sentence: expect.stringContaining('server on vm1'),
    });
    expect(await workers()).toEqual([]);
  });

  test('that is interrupted ends its workers, exits 130, and leaves a pod that runs the next one', async () => {
    const long = scenario('long', 'workload: { name: calls, calls: 100000 }\n');
    const short = scenario('short', 'workload: { name: calls, calls: 100 }\nchecks: [history-whole, pool-sound]\n');

    const running = bench.start(['run', '--name', pod, long]);
    await running.said('one by one');
    // Held, so that the run cannot end by itself before it is interrupted.
    const held = bench.processes(pod, 'worker.mjs');
    for (const pid of held) process.kill(pid, 'SIGSTOP');
    const second = await bench.run(['run', '--name', pod, short]);
    running.process.kill('SIGINT');
    for (const pid of held) goOn(pid);
    const ended = await running.ended;

    expect(second).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is being changed') });
    expect(ended).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('was interrupted') });
    expect(await workers()).toEqual([]);
    const next = record(await bench.mustRun(['run', '--name', pod, '--json', short]));
    expect(next.verdict).toBe('valid');
    // Its own calls alone, though the pod's history has those of all runs before.
    expect(check(next, 'history-whole')).toMatchObject({ evidence: { records: 200 } });
  });

  test('whose controller is killed leaves workers that the next one ends, and does not take their calls for its own', async () => {
    const long = scenario('long', 'workload: { name: calls, calls: 100000 }\n');
    const short = scenario('short', 'workload: { name: calls, calls: 100 }\nchecks: [history-whole, pool-sound]\n');

    const running = bench.start(['run', '--name', pod, long]);
    await running.said('one by one');
    running.process.kill('SIGKILL');
    await running.ended;
    const next = await bench.mustRun(['run', '--name', pod, '--json', short]);

    expect(next.stderr).toContain('left by an earlier run');
    expect(check(record(next), 'history-whole')).toMatchObject({ verdict: 'valid', evidence: { records: 200 } });
  });

  test('on a full disk says so, exits 3, and does not harm the pod', async (context) => {
    const runs = join(bench.folder, 'full');
    mkdirSync(runs);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', runs], { stdio: 'pipe' });
    } catch {
      return context.skip('only root can mount a small disk');
    }
    try {
      const ended = await bench.run(['run', '--name', pod, '--runs', runs, 'server-dies-after-execute']);

      expect(ended.exitCode).toBe(3);
      expect(ended.stderr).toMatch(/error: no space is left to write .*full[\s\S]*because: ENOSPC[\s\S]*try: .*unharmed/);
      expect(await workers()).toEqual([]);
      expect((await bench.mustRun(['inspect', '--name', pod])).stdout).toContain('problems: none');
    } finally {
      execFileSync('umount', [runs]);
    }
  });

  test('with --up into a folder that cannot be written says so before it boots anything', async () => {
    const mine = scenario('mine', 'topology: local\nworkload: { name: calls, calls: 1 }\n');

    const ended = await bench.run(['run', '--up', '--name', bench.newPod(), '--runs', '/sys/runs', mine]);

    expect(ended.exitCode).toBe(3);
    expect(ended.stderr).toMatch(/error: \/sys\/runs cannot be written/);
    expect(ended.stderr).not.toMatch(/^\[ *[\d.]+ s\]/m);
  });

  test('of what does not exist is a usage error with the nearest name, and leaves no folder', async () => {
    const ended = await bench.run(['run', '--name', pod, '--runs', join(bench.folder, 'none'), 'pingg']);

    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean ping?') });
    expect(existsSync(join(bench.folder, 'none'))).toBe(false);
  });

  test('with --up has a pod of its own, whose history is begun anew when runs have filled it, and removes it', async () => {
    const own = bench.newPod();
    const small = scenario('small', 'provider: local\nhistory: { size: 1MiB }\n');
    // Two records a call: of three such runs not two fit.
    const filling = scenario('filling', `topology: ${small}\nworkload: { name: calls, calls: 6000 }\nchecks: [history-whole]\n`);

    const ended = await bench.mustRun(['run', '--up', '--name', own, '--json', filling, filling, filling]);

    expect(JSON.parse(ended.stdout)).toMatchObject(Array.from({ length: 3 }, () => ({ verdict: 'valid', pod: own })));
    expect(bench.leftovers(own)).toEqual([]);
  });
});

/** Its pid, from the host's own list of processes: asking the agent would take its channel from the run. */
function workerOn(machine: string): number {
  const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  const pid = bench.processes(pod).find((each) => commandLine(each).includes(`/${machine}/agent/worker.mjs`));
  if (pid === undefined) throw new Error(`no worker runs on ${machine}`);
  return pid;
}
