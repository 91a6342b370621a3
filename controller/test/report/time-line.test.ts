import { describe, expect, test } from 'vitest';
import { placeFlags } from '../../src/report/time-line/fault-flags.ts';
import { timeLineSection } from '../../src/report/time-line/time-line-section.ts';
import { across } from '../../src/report/time-line/window.ts';
import type { FaultOutcome } from '../../src/runs/evidence.ts';
import { alignClocks } from '../../src/traces/align-clocks.ts';
import { alignTimeline } from '../../src/traces/align-timeline.ts';
import { Timeline } from '../../src/traces/timeline.ts';
import { crashEvidence } from '../checks/evidence-of-a-good-run.ts';
import { writeRun } from './run-for-report.ts';

const at = (ms: number) => ({ clock: 'vm1', ns: Math.round(ms * 1e6) });
const server = { machine: 'vm1', name: 'server' };
const x = across({ fromNs: 0, toNs: 1e9 });

function section(timeline: Timeline, faults: readonly FaultOutcome[] = []): string {
  const { record } = writeRun(crashEvidence());
  const aligned = alignTimeline(timeline, ['vm1', 'vm2'], alignClocks({ reference: 'vm1', offsets: [], observations: [] }));
  return timeLineSection({ ...record, faults }, aligned)!.text;
}

function outcome(sentence: string, seen: string | null, struckMs: number | null, error: string | null = null): FaultOutcome {
  const struckAt = struckMs === null ? null : at(struckMs);
  return {
    kind: 'killWorker',
    sentence,
    lane: server,
    struckAt,
    seen: seen === null ? null : { sentence: seen, evidence: {} },
    healedAt: null,
    error,
  };
}

describe('the flags of faults', () => {
  test('stand in rows where they would lie on each other', () => {
    const at = [100, 101, 102, 500].map((ms, index) => ({ number: index + 1, sentence: '', atNs: ms * 1e6 }));
    expect(placeFlags(at, x).map(({ row }) => row)).toEqual([0, 1, 2, 0]);
  });

  test('outside of what is drawn are left out, and keep their number in the table', () => {
    const faults = [5, 2_000].map((ms, index) => ({ number: index + 1, sentence: '', atNs: ms * 1e6 }));
    expect(placeFlags(faults, x).map(({ number }) => number)).toEqual([1]);
  });
});

describe('the time line', () => {
  test('draws operations a second only of what somebody counted', () => {
    const drawn = (perReading: number): boolean => {
      const timeline = new Timeline();
      timeline.spans.push({ lane: server, kind: 'process', name: 'pid 1', start: at(0), end: at(900), detail: { exitCode: 0 } });
      for (let reading = 0; reading < 5; reading++)
        timeline.progress.push({ at: at(reading * 50), operations: reading * perReading });
      return section(timeline).includes('data-panel="progress"');
    };
    expect([drawn(10), drawn(0)]).toEqual([true, false]);
  });

  test('numbers faults as they struck, and says of others why they did not', () => {
    const timeline = new Timeline();
    timeline.spans.push({ lane: server, kind: 'process', name: 'pid 1', start: at(0), end: at(900), detail: { exitCode: 0 } });
    timeline.mark({ lane: server, kind: 'fault', name: 'the second of the file', at: at(100) });
    timeline.mark({ lane: server, kind: 'fault', name: 'the first of the file', at: at(200) });
    const text = section(timeline, [
      outcome('planned first', 'the first of the file', 200),
      outcome('planned second', 'the second of the file', 100),
      outcome('planned third', null, null, 'it could not'),
    ]);

    const rows = [...text.matchAll(/<span class="flag">(.)<\/span><\/td><td>([^<]*)/g)].map(
      ([, number, planned]) => `${number} ${planned}`,
    );
    expect(rows).toEqual(['1 planned second', '2 planned first', '– planned third']);
    expect(text).toContain('it could not');
  });

  test('shows a post as dead from the end of a killed worker until the next one, and not after one that left', () => {
    const dead = (exitCode: number | null): number => {
      const timeline = new Timeline();
      timeline.spans.push({ lane: server, kind: 'process', name: 'pid 1', start: at(0), end: at(300), detail: { exitCode } });
      timeline.spans.push({
        lane: server,
        kind: 'process',
        name: 'pid 2',
        start: at(600),
        end: at(900),
        detail: { exitCode: 0 },
      });
      return section(timeline).split('class="span harm dead"').length - 1;
    };
    expect(dead(null)).toBe(1);
    expect(dead(0)).toBe(0);
  });

  test('of ten thousand failed calls and batches is still a small drawing', () => {
    const timeline = new Timeline();
    for (let call = 0; call < 10_000; call++) {
      const span = { start: at(call), end: at(call + 0.4) };
      timeline.spans.push({ lane: { machine: 'vm2', name: 'caller' }, kind: 'calls', name: '100 calls', ...span });
      timeline.spans.push({ lane: server, kind: 'stall', name: `call ${call}: TIMEOUT`, ...span });
      timeline.samples.push({ series: 'calls', calls: 100, ...span });
    }
    const text = section(timeline);

    expect(text.length).toBeLessThan(500_000);
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
  });
});
