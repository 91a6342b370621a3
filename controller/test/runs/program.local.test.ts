/** The user's own program, on provider local, by the command line: C and TypeScript, right and wrong ones. */
import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench } from '../cluster/cxlpod.ts';

const template = fileURLToPath(new URL('../../../infra/template/', import.meta.url));
let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

async function run(...scenarios: string[]): Promise<RunRecord[]> {
  const ended = await bench.run(['run', '--name', pod, '--json', ...scenarios]);
  return JSON.parse(ended.stdout) as RunRecord[];
}

const sentences = ({ checks }: RunRecord) =>
  Object.fromEntries(checks.map(({ name, verdict, sentence }) => [name, `${verdict}: ${sentence}`]));

function scenario(name: string, workload: string): string {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\ntopology: local\nworkload: ${workload}\nchecks: [program-succeeded, no-leak]\n`);
  return path;
}

function program(name: string, text: string): string {
  const path = join(bench.folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return `./${name}`;
}

test('the same death in the middle of a push: a lock-free queue loses nothing, the faster one loses items', async () => {
  const [right, broken] = await run('lock-free-queue', 'lock-free-queue-broken');

  expect(sentences(right!)).toMatchObject({
    'fault-fired': expect.stringMatching(/^valid/),
    'program-succeeded': expect.stringMatching(/^valid: 4 processes/),
    'queue-exactly-once': expect.stringMatching(/^valid/),
    'no-leak': expect.stringMatching(/^valid: All 0 objects/),
  });
  expect(right!.verdict).toBe('valid');
  const lastWords = readFileSync(join(bench.folder, '.runs', right!.run, 'history.ndjson'), 'utf8').match(/"point":"[^"]*"/g);
  expect(lastWords).toEqual([expect.stringMatching(/^"point":"program\/[a-z/-]+"$/)]);
  expect(right!.deaths.filter(({ unmeasured }) => unmeasured === true)).toEqual([]);
  expect(sentences(broken!)).toMatchObject({
    'fault-fired': expect.stringMatching(/^valid/),
    'queue-exactly-once': expect.stringMatching(/^invalid: \d+ items were pushed and never popped/),
  });
  expect(broken!.verdict).toBe('invalid');
});

test('the TypeScript module that `init` writes goes on where a dead worker was', async () => {
  for (const file of ['workload.ts', 'scenario.yaml']) copyFileSync(join(template, file), join(bench.folder, file));
  const [record] = await run(join(bench.folder, 'scenario.yaml'));

  expect(sentences(record!)).toMatchObject({
    'program-succeeded': 'valid: 2 processes of the program came to their end without a failure; its own check found nothing.',
  });
  expect([record!.verdict, record!.faults[0]!.healedAt === null]).toEqual(['valid', false]);
  // It writes no history, so nobody saw whether the survivor went on.
  expect(record!.deaths).toMatchObject([{ machine: 'vm2', longestStall: null, unmeasured: true }]);
});

test('a run of a program is repeated from its folder alone, wherever that is by now', async () => {
  const exec = program('early.sh', '#!/bin/sh\nexit 0\n');
  const [first] = await run(scenario('early', `{ exec: ${exec} }`));
  rmSync(join(bench.folder, 'early.sh'));
  rmSync(join(bench.folder, 'early.yaml'));
  renameSync(join(bench.folder, '.runs', first!.run), join(bench.folder, 'moved'));

  const again = await bench.mustRun(['replay', join(bench.folder, 'moved'), '--name', pod, '--json']);

  const [record] = JSON.parse(again.stdout) as RunRecord[];
  expect(sentences(record!)['program-succeeded']).toMatch(/^valid: 2 processes/);
  expect(record!.scenario.workload).toMatchObject({ exec: join(bench.folder, 'moved', 'program', 'early.sh') });

  const [written] = await run(join('moved', 'scenario.yaml'));
  expect(sentences(written!)['program-succeeded']).toMatch(/^valid: 2 processes/);
});

test('a program is over when its first process is: a child that left its session and holds its output is ended', async () => {
  const pidFile = join(bench.folder, 'left');
  const exec = program(
    'leaves.sh',
    `#!/bin/sh
if [ $CXLPOD_PHASE = check ]; then
  for worker in 1 2; do
    if grep sleep /proc/$(cat ${pidFile}-$worker)/cmdline; then exit 1; fi
  done
  exit 0
fi
setsid sh -c 'echo $$ > ${pidFile}-$CXLPOD_WORKER; exec sleep 1000' &
until [ -s ${pidFile}-$CXLPOD_WORKER ]; do sleep 0.02; done
echo done
`,
  );
  const [record] = await run(scenario('leaves', `{ exec: ${exec}, limit: 40s, check: true }`));

  expect(sentences(record!)['program-succeeded']).toMatch(/^valid: /);
  expect(record!.workload).toMatchObject({ result: { ends: [{ output: 'done\n' }, { output: 'done\n' }, { phase: 'check' }] } });
});

describe('a program that fails is told as the one that failed', () => {
  test('by its exit code, with what it printed', async () => {
    const exec = program(
      'fails.sh',
      '#!/bin/sh\necho "worker $CXLPOD_WORKER of $CXLPOD_WORKERS gives up" >&2\nexit $CXLPOD_MACHINE\n',
    );
    const [record] = await run(scenario('fails', `{ exec: ${exec} }`));

    expect(record!.verdict).toBe('invalid');
    expect(sentences(record!)['program-succeeded']).toMatch(
      /^invalid: program-1 on vm1, drive: it ended with exit code 1|^invalid: program-2 on vm2, drive: it ended with exit code 2/,
    );
    expect(JSON.stringify(record!.workload)).toContain('worker 2 of 2 gives up');
  });

  test('by a signal', async () => {
    const exec = program('faults.sh', '#!/bin/sh\nkill -SEGV $$\n');
    const [record] = await run(scenario('faults', `{ exec: ${exec} }`));
    expect(sentences(record!)['program-succeeded']).toMatch(/^invalid: .* it died by SIGSEGV/);
  });

  test('by its limit', async () => {
    const exec = program('hangs.sh', '#!/bin/sh\nexec sleep 1000\n');
    const [record] = await run(scenario('hangs', `{ exec: ${exec}, limit: 500ms }`));
    expect(sentences(record!)['program-succeeded']).toMatch(/^invalid: .* it did not end within 0.5 s/);
  });

  test('by its own check', async () => {
    const exec = program('checks.sh', '#!/bin/sh\n[ "$CXLPOD_PHASE" != check ] || { echo "the sum is wrong"; exit 1; }\n');
    const [record] = await run(scenario('checks', `{ exec: ${exec}, check: true }`));
    expect(sentences(record!)['program-succeeded']).toMatch(/^invalid: The program's own check: ended with exit code 1/);
  });

  test('by an exception of a module, with its place', async () => {
    program(
      'throws.ts',
      "import { defineWorkload } from 'cxlpod';\nexport default defineWorkload({ drive: () => { throw new Error('no idea'); } });\n",
    );
    const [record] = await run(scenario('throws', '{ module: ./throws.ts }'));
    expect(record).toMatchObject({ verdict: 'invalid', error: null });
    expect(sentences(record!)['program-succeeded']).toMatch(/^invalid: program-. on vm., drive: it threw Error: no idea\.$/);
  });

  test('by the limit, of a module', async () => {
    program(
      'waits.ts',
      "import { defineWorkload } from 'cxlpod';\nexport default defineWorkload({ drive: (pod) => { pod.waitFor('nothing', () => undefined); } });\n",
    );
    const [record] = await run(scenario('waits', '{ module: ./waits.ts, limit: 500ms }'));
    expect(record).toMatchObject({ verdict: 'invalid', error: null });
    expect(sentences(record!)['program-succeeded']).toMatch(/^invalid: program-. on vm., drive: it did not end within 0.5 s/);
  });
});

describe('what cannot be a program is refused', () => {
  const refusal = async (name: string, workload: string) => {
    const { exitCode, stdout, stderr } = await bench.run(['run', '--name', pod, scenario(name, workload)]);
    return { exitCode, stdout, stderr };
  };
  const beforeTheRun = (told: RegExp) => ({ exitCode: 2, stdout: '', stderr: expect.stringMatching(told) });

  test('before anything is started: a file that is not there, one that is no program, source that does not compile', async () => {
    writeFileSync(join(bench.folder, 'text'), 'no program');
    program('wrong.c', 'int main(void) { return undeclared; }\n');
    program('wrong.ts', "import nothing from './nothing.ts';\nexport default nothing;\n");

    expect(await refusal('missing', '{ exec: ./missing }')).toEqual(beforeTheRun(/there is no program .*missing/));
    expect(await refusal('text', '{ exec: ./text }')).toEqual(beforeTheRun(/text cannot be run/));
    expect(await refusal('wrong-c', '{ exec: ./wrong.c }')).toEqual(beforeTheRun(/wrong\.c does not compile.*undeclared/s));
    expect(await refusal('wrong-ts', '{ module: ./wrong.ts }')).toEqual(
      beforeTheRun(/wrong\.ts cannot be bundled.*nothing\.ts/s),
    );
  });

  test('before anything is started: a module that exports no workload', async () => {
    program(
      'plain.ts',
      "import { bytes, defineService } from 'cxlpod';\nexport default defineService('x', { version: 1, methods: { y: bytes } });\n",
    );
    program('named.ts', 'export const workload = { drive() {} };\n');

    expect(await refusal('plain', '{ module: ./plain.ts }')).toEqual(
      beforeTheRun(/plain\.ts exports no workload\n +try: export/),
    );
    expect(await refusal('named', '{ module: ./named.ts }')).toEqual(beforeTheRun(/named\.ts exports no workload/));
  });

  test('by the machine: a module that cannot be loaded', async () => {
    program('breaks.ts', "throw new Error('not here');\nexport default {};\n");
    const [record] = await run(scenario('breaks', '{ module: ./breaks.ts }'));
    expect(record).toMatchObject({ verdict: 'unknown', error: { because: expect.stringContaining('not here') } });
  });
});

test('a crash point with a wrong name is told before the run, with the one that was meant, and after it', async () => {
  program(
    'points.c',
    `#include "cxlpod.h"
int main(void) {
  cxlpod_worker self;
  if (cxlpod_open(&self) != 0) return 2;
  uint64_t left = cxlpod_remaining_ms(&self);
  cxlpod_crash_point(&self, "program/pop/middle");
  return left > 0 && left <= 60000 ? 0 : 1;
}
`,
  );
  const path = join(bench.folder, 'misspelt.yaml');
  writeFileSync(
    path,
    `name: misspelt
topology: local
workload: { exec: ./points.c }
faults: [{ killWorker: { on: vm1, worker: program-1, at: program/pop/midle } }]
checks: [program-succeeded]
`,
  );
  const { exitCode, stdout, stderr } = await bench.run(['run', '--name', pod, '--json', path]);

  const told = 'program/pop/midle, which does not stand in the program (did you mean program/pop/middle?)';
  expect(stderr).toContain(`warning: a fault of misspelt is at ${told}`);
  const [record] = JSON.parse(stdout) as RunRecord[];
  expect(sentences(record!)).toMatchObject({
    'fault-fired': expect.stringContaining(told),
    'program-succeeded': expect.stringMatching(/^valid/),
  });
  expect(exitCode).toBe(4);
});
