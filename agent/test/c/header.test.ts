/** The header for programs in C and C++: compiles without a warning in both, and means the same as the TypeScript beside it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header } from '../../c/build.mjs';
import { crashPointName, crashPointNumber } from '../../src/crash-points/index.ts';
import { constants, layout } from '../../src/generated/layout.ts';
import { operations, outcomes } from '../../src/history/record.ts';

const examples = fileURLToPath(new URL('../../../infra/examples/queue/', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-header-'));
  writeFileSync(join(folder, 'cxlpod.h'), header());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(compiler: string, source: string, ...flags: string[]): string {
  const output = join(folder, 'program');
  const { status, stderr } = spawnSync(
    compiler,
    ['-O2', '-Wall', '-Wextra', '-Werror', '-I', folder, ...flags, '-o', output, source],
    {
      encoding: 'utf8',
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return output;
}

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('every offset, constant, operation and outcome is what TypeScript has', () => {
  const text = readFileSync(join(folder, 'cxlpod.h'), 'utf8');
  const value = (name: string): number | undefined => {
    const found = new RegExp(`#define CXLPOD_${name} (\\d+)`).exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };

  expect(value('HISTORY_RECORD_SEQUENCE_AT')).toBe(layout.HistoryRecord.sequence.offset);
  expect(value('HISTORY_RECORD_VALUE_AT')).toBe(layout.HistoryRecord.value.offset);
  expect(value('HISTORY_RECORDS_OFFSET')).toBe(constants.HISTORY_RECORDS_OFFSET);
  expect(value('REGION_TABLE_OFFSET')).toBe(constants.REGION_TABLE_OFFSET);
  for (const [name, number] of Object.entries({ ...operations })) {
    expect(value(`OPERATION_${name.replaceAll('-', '_').toUpperCase()}`)).toBe(number);
  }
  for (const [name, number] of Object.entries({ ...outcomes })) {
    expect(value(`OUTCOME_${name.replaceAll('-', '_').toUpperCase()}`)).toBe(number);
  }
});

test.each(['queue.c', 'queue-broken.c'])('the example %s compiles without a warning', (example) => {
  compile('gcc', join(examples, example), '-std=gnu11');
});

describe('a program', () => {
  const source = '#include "cxlpod.h"\nint main(void) { cxlpod_worker self; return cxlpod_open(&self) == 0 ? 0 : 2; }\n';

  test('compiles as C++ as well', () => {
    compile('g++', written('program.cc', source));
  });

  test('says what to do when it is started by hand', () => {
    const { status, stderr } = spawnSync(compile('gcc', written('program.c', source)), { encoding: 'utf8', env: {} });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr:
        "error: this program is not a worker of a pod\n  because: CXLPOD_MACHINE\n  try: start it as the `exec` of a scenario's workload\n",
    });
  });

  test('knows how long it has until its deadline, and that it is over', () => {
    const text = `#include "cxlpod.h"
int main(void) {
  cxlpod_worker self = {0};
  self.deadline_ns = cxlpod_now_ns() + 600000000000u;
  uint64_t left = cxlpod_remaining_ms(&self);
  self.deadline_ns = cxlpod_now_ns();
  printf("%d %llu", left > 0 && left <= 600000, (unsigned long long)cxlpod_remaining_ms(&self));
}
`;
    const { stdout } = spawnSync(compile('gcc', written('deadline.c', text)), { encoding: 'utf8' });
    expect(stdout).toBe('1 0');
  });

  test('comes to barriers in the place of one that died, as often as it itself has come', () => {
    const text = `#include "cxlpod.h"
int main(void) {
  uint64_t arrived[3] = {2, 2, 1};
  cxlpod_worker self = {0};
  self.worker = 1, self.workers = 3, self.arrived = arrived;
  cxlpod_barrier(&self);
  printf("%d ", (int)arrived[0]);
  arrived[2] = 2;
  cxlpod_barrier(&self);
  printf("%d ", (int)arrived[0]);
  arrived[1] = arrived[2] = 3;
  cxlpod_barrier(&self);
  printf("%d", (int)arrived[0]);
}
`;
    const { stdout } = spawnSync(compile('gcc', written('barrier.c', text)), { encoding: 'utf8', timeout: 60_000 });
    expect(stdout).toBe('2 2 3');
  });

  test.each(['-O2', '-O3'])('has the names of its crash points as they are, at %s', (optimised) => {
    const text = `#include "cxlpod.h"
int main(void) { cxlpod_worker self; cxlpod_open(&self); cxlpod_crash_point(&self, "program/a"); return 0; }
`;
    const output = compile('gcc', written('names.c', text), optimised);
    expect(readFileSync(output, 'latin1')).toContain('program/a\0');
  });

  test('numbers its crash points as histories are read', () => {
    const names = ['program/push/half-done', 'program/turn', 'program/a-0'];
    const print = names.map((name) => `printf("%u\\n", cxlpod_point("${name}"));`).join(' ');
    const { stdout } = spawnSync(compile('gcc', written('points.c', `#include "cxlpod.h"\nint main(void) { ${print} }\n`)), {
      encoding: 'utf8',
    });
    expect(stdout.trim().split('\n').map(Number)).toEqual(names.map(crashPointNumber));
    expect(crashPointName(crashPointNumber('program/turn')!)).toMatch(/^program\/#[89a-f][0-9a-f]{7}$/);
    expect(crashPointNumber('program/Turn')).toBeUndefined();
  });
});
