import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { chooseItems, timeLeftOf } from '../../src/bench/bench-command.ts';
import { type BenchFigure, figure } from '../../src/bench/bench-item.ts';
import { merged, readBenchList, withoutFailure, writeBenchList } from '../../src/bench/bench-list.ts';
import { backAfterS, recoveredAfterS } from '../../src/bench/crash.ts';
import { benchItems } from '../../src/bench/index.ts';
import { requireValid } from '../../src/bench/ping.ts';
import { printBench, printBenchMarkdown } from '../../src/bench/print-bench.ts';
import { layoutsFigure, windowFigure } from '../../src/bench/rpc.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { exitCodes } from '../../src/errors/cxlpod-error.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { noteHowLong } from '../../src/steps/took.ts';
import { compare } from '../../src/workload/compare.ts';
import { modelledReceiver } from '../../src/workload/modelled.ts';

const up = (value: number | null): BenchFigure =>
  figure({
    name: 'cluster-up',
    value,
    unit: 's',
    bar: 20,
    spread: 'median of 5, 14.0 to 19.0',
    provider: 'qemu',
    accelerator: 'tcg',
  });

describe('a figure', () => {
  test('holds up to its bar, not beyond, and not when it could not be measured', () => {
    expect([up(20).holds, up(20.1).holds, up(null).holds]).toEqual([true, false, false]);
  });

  test('without a bar neither holds nor fails', () => {
    expect(figure({ name: 'tcp', value: 9, unit: '×', spread: '', provider: 'qemu', accelerator: 'tcg' })).toMatchObject({
      bar: null,
      holds: null,
    });
  });
});

describe('a machine that was powered off', () => {
  const at = (seconds: number) => ({ clock: 'controller', ns: seconds * 1e9 });
  const fault = { kind: 'powerOff', sentence: '', struckAt: at(10), seen: null, healedAt: at(30), error: null };
  const scenario = parseYaml(scenarioSchema, {
    text: 'name: off\nworkload: { name: kv }\nfaults: [{ powerOff: { machine: vm2, healAfter: 3s } }]\n',
    fileName: 'off.yaml',
    kind: 'scenario',
  });
  const recovered = (seconds: number | null) =>
    ({ recoveredAt: seconds === null ? null : at(seconds) }) as RunRecord['recoveries'][number];

  test('is recovered with the last of its clients', () => {
    expect(recoveredAfterS({ faults: [fault], recoveries: [recovered(11), recovered(12.5), recovered(null)] })).toEqual([2.5]);
  });

  test('is back after the time that it was left off on purpose', () => {
    expect(backAfterS({ faults: [fault], scenario })).toEqual([17]);
  });

  test('counts only when both were seen', () => {
    expect(recoveredAfterS({ faults: [fault], recoveries: [recovered(null)] })).toEqual([]);
    expect(backAfterS({ faults: [{ ...fault, healedAt: null }], scenario })).toEqual([]);
  });
});

describe('the list of figures', () => {
  let runs: string;
  beforeEach(() => {
    runs = mkdtempSync(join(tmpdir(), 'cxlpod-bench-'));
  });
  afterEach(() => rmSync(runs, { recursive: true }));

  test('is empty before the first, and reads back as it was written', () => {
    expect(readBenchList(runs)).toEqual([]);
    writeBenchList(runs, [up(15)]);

    expect(readBenchList(runs)).toEqual([up(15)]);
  });

  test('replaces what is measured again, in its place, and keeps the rest', () => {
    const other = { ...up(1), name: 'cluster-down' };

    expect(merged([up(30), other], [up(15), { ...up(2), name: 'idle' }]).map(({ name, value }) => [name, value])).toEqual([
      ['cluster-up', 15],
      ['cluster-down', 1],
      ['idle', 2],
    ]);
  });

  test('forgets that an item could not be measured once it is', () => {
    const failed = { ...up(null), name: 'bench ping' };

    expect(withoutFailure([failed, up(15), up(null)], 'bench ping')).toEqual([up(15), up(null)]);
  });

  test('that is broken says which file to delete', () => {
    writeFileSync(join(runs, 'bench.json'), '{');

    expect(() => readBenchList(runs)).toThrow(
      expect.objectContaining({ code: 'BENCH_UNREADABLE', exitCode: exitCodes.environment }),
    );
  });

  test('is printed with what does not hold in capitals, and as a table of a document', () => {
    expect(printBench([up(25)])).toContain('<= 20 s  NO');
    expect(printBenchMarkdown([up(15)])).toContain(
      '| cluster-up | 15.0 s | <= 20 s | yes | median of 5, 14.0 to 19.0 (qemu, tcg) |',
    );
  });
});

describe('a run that is measured', () => {
  const check = { name: 'pool-sound', claim: '', verdict: 'invalid', sentence: 'Problems.', evidence: {} } as const;

  test('gives no figures unless it is valid, and says which check keeps it from that', () => {
    const run = { run: 'ping-1', verdict: 'invalid', checks: [check], error: null } as const;

    expect(() => requireValid(run, 'summary.md')).toThrow(
      expect.objectContaining({ code: 'BENCH_FAILED', cause: new Error('Problems.'), exitCode: exitCodes.environment }),
    );
    expect(() => requireValid({ ...run, verdict: 'unknown' }, 'summary.md')).toThrow('the run ping-1 is unknown');
    expect(() => requireValid({ ...run, verdict: 'valid', checks: [] }, 'summary.md')).not.toThrow();
  });
});

describe('choosing', () => {
  test('nothing means everything but what takes minutes', () => {
    const names = chooseItems(undefined).flatMap((item) => item.names);

    expect(names).toEqual(['up', 'down', 'memory', 'idle', 'local', 'calls', 'heap', 'report', 'ping']);
  });

  test('names choose, and one item is measured once for all of its names', () => {
    expect(chooseItems('down,up, demo').map((item) => item.names[0])).toEqual(['up', 'demo']);
  });

  test('a group chooses all of its items', () => {
    expect(chooseItems('rpc').map((item) => item.names[0])).toEqual(['local', 'calls', 'ping']);
  });

  test('a name that is not known is a usage error with the nearest one', () => {
    expect(() => chooseItems('pin')).toThrow(expect.objectContaining({ code: 'NO_SUCH_FIGURE', hint: 'did you mean ping?' }));
  });

  test('no two items share a name', () => {
    const names = benchItems.flatMap((item) => item.names);
    const groups = new Set(benchItems.flatMap(({ group }) => group ?? []));
    expect(new Set([...names, ...groups]).size).toBe(names.length + groups.size);
  });
});

test('the time left is that of each figure the last times, or nobody knows it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-bench-'));
  vi.stubEnv('XDG_STATE_HOME', folder);
  try {
    const items = chooseItems('recovery,crash');
    noteHowLong('bench recovery', { whole: 60_000 });
    expect(timeLeftOf(items)).toBe('nobody knows how long it takes: 1 of 2 were never measured here');
    noteHowLong('bench crash', { whole: 1_740_000 });
    expect(timeLeftOf(items)).toBe('about 30 min left, by the last times');
    expect(timeLeftOf(items.slice(1))).toBe('about 29 min left, by the last times');
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});

describe('figures of calls', () => {
  const again = { median: 1, low: 0.9, high: 1.1 };

  test('compare a window with none at the best round of each, whatever round that was', () => {
    const perSecond = [
      { depth: 1, rounds: [1e6, 2e6, 0.5e6] },
      { depth: 16, rounds: [5e6, 1e6, 4e6] },
    ];
    expect(windowFigure({ perSecond, again })).toMatchObject({ value: 2.5, bar: 2.06, barIs: 'at least', holds: true });
    const slower = [perSecond[0]!, { depth: 16, rounds: [4e6, 1e6, 4e6] }];
    expect(windowFigure({ perSecond: slower, again })).toMatchObject({ value: 2, holds: false });
  });

  test('allow the hardened layout its share and what the faithful one differs from itself by', () => {
    const rounds = (ns: readonly number[]) =>
      ns.map((each) => ({ unit: 'ns' as const, callsPerSample: 100, counts: [[each, 10]] as const }));
    const of = (hardened: number) =>
      layoutsFigure({
        comparison: compare(
          ['faithful', 'hardened', 'faithful-again'].map((tag) => ({ tag, label: tag, sentence: '' })),
          [rounds([100, 100, 100]), rounds([hardened, hardened, hardened]), rounds([90, 110, 100])],
        ),
      });
    expect(of(125)).toMatchObject({ value: 1.25, bar: 1.25, holds: true });
    expect(of(126)).toMatchObject({ holds: false });
  });
});

test.each([16, 64])('the fast mode with a window of %i is modelled with as many lines as the simulator counts', (window) => {
  const document = readFileSync(new URL('../../../docs/rpc-cost.md', import.meta.url), 'utf8');
  const row = new RegExp(
    `^\\| one that receives references \\| ${window} \\| ([\\d.]+) \\| ([\\d.]+) \\| ([\\d.]+) \\| ([\\d.]+) × to ([\\d.]+) ×`,
    'm',
  );
  const [past, serial, ahead, ignored, high] = row.exec(document)!.slice(1).map(Number);

  const modelled = modelledReceiver(window);
  expect(modelled.pastTheCache).toBe(past);
  expect(modelled.fast.serial).toBeCloseTo(serial!);
  expect(modelled.fast.ahead).toBeCloseTo(ahead!);
  expect(modelled.factor).toMatchObject({ ignored, high });
  expect(modelled.factor.low).toBeGreaterThanOrEqual(modelled.factor.ignored);
});

test('a lap waits for its first line and then as often as lines fetched together do not suffice', () => {
  expect([16, 32, 64].map((window) => modelledReceiver(window).factor.low)).toEqual([16 / 2, 32 / 3, 64 / 3]);
});
