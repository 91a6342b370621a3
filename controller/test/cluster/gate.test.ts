import type { GateResult } from '@cxlpod/agent/protocol';
import { describe, expect, test } from 'vitest';
import { evaluateGate, type GateReport } from '../../src/cluster/gate.ts';
import { refusal } from '../../src/cluster/run-gate.ts';
import { loadTopology } from '../../src/config/load-topology.ts';
import { formatError } from '../../src/errors/cxlpod-error.ts';
import type { Environment } from '../../src/provider/provider.ts';

const iterations = 1000;

/** Two machines on coherent memory that overlapped well. */
function goodResults(): GateResult[] {
  const totals = { fetchAdd: 2000, casWon: 1500, casCounter: 1500, plain: 1300 };
  const litmus = [{ name: 'store buffering', runs: 500, forbidden: 0 }];
  return [
    { iterations, casWon: 800, casLost: 200, totals, litmus },
    { iterations, casWon: 700, casLost: 300, totals, litmus },
  ];
}

function withTotals(totals: Partial<GateResult['totals']>): GateReport {
  return evaluateGate(goodResults().map((each) => ({ ...each, totals: { ...each.totals, ...totals } })));
}

describe('the gate', () => {
  test('passes when atomics are exact, the machines overlapped, and plain increments were lost', () => {
    expect(evaluateGate(goodResults())).toEqual({
      verdict: 'passed',
      iterations,
      machines: 2,
      problems: [],
      fetchAdd: { kept: 2000, of: 2000 },
      casCounter: { kept: 1500, of: 1500 },
      plain: { kept: 1300, of: 2000 },
      casLost: 500,
      litmus: [{ name: 'store buffering', runs: 1000, forbidden: 0 }],
    });
  });

  test('fails on one lost atomic increment', () => {
    expect(withTotals({ fetchAdd: 1999 })).toMatchObject({
      verdict: 'failed',
      problems: ['of 2,000 atomic increments, 1,999 were kept'],
    });
  });

  test('fails on one increment too many', () => {
    expect(withTotals({ fetchAdd: 2001 }).verdict).toBe('failed');
  });

  test('fails when two machines won the same compare-and-swap', () => {
    expect(withTotals({ casCounter: 1499 })).toMatchObject({
      verdict: 'failed',
      problems: ['1,500 compare-and-swaps reported success, and the word counts 1,499'],
    });
  });

  test('fails on one forbidden litmus outcome, on whichever machine', () => {
    const [one, two] = goodResults();
    const seen = { ...two!, litmus: [{ name: 'store buffering', runs: 500, forbidden: 1 }] };

    expect(evaluateGate([one!, seen])).toMatchObject({
      verdict: 'failed',
      problems: ['store buffering: 1 of 1,000 runs ended as no coherent memory may'],
    });
  });

  test('fails when machines read different totals', () => {
    const [one, two] = goodResults();

    expect(evaluateGate([one!, { ...two!, totals: { ...two!.totals, plain: 1301 } }]).verdict).toBe('failed');
  });

  test('is unknown when no compare-and-swap lost', () => {
    const alone = goodResults().map((each) => ({ ...each, casLost: 0 }));

    expect(evaluateGate(alone)).toMatchObject({
      verdict: 'unknown',
      problems: ["no compare-and-swap of 1,000 a machine met another's"],
    });
  });

  test.each([2000, 1981])('is unknown when %i of 2,000 plain increments were kept', (plain) => {
    expect(withTotals({ plain }).verdict).toBe('unknown');
  });

  test('is unknown when a litmus test never ran', () => {
    const skipped = goodResults().map((each) => ({ ...each, litmus: [{ name: 'store buffering', runs: 0, forbidden: 0 }] }));

    expect(evaluateGate(skipped)).toMatchObject({ verdict: 'unknown', problems: ['store buffering never ran'] });
  });

  test('calls wrong wrong even where overlap was not shown', () => {
    const results = goodResults().map((each) => ({ ...each, casLost: 0, totals: { ...each.totals, fetchAdd: 1 } }));

    expect(evaluateGate(results).verdict).toBe('failed');
  });
});

describe('the refusal', () => {
  const environment = { accelerator: 'tcg' } as Environment;

  test('of a topology with maxCpus 1 under TCG says that atomics are not exact, and why', () => {
    const error = refusal(withTotals({ fetchAdd: 1990 }), { topology: loadTopology('one-cpu'), environment });

    expect(error).toMatchObject({ code: 'GATE_FAILED', exitCode: 3 });
    expect(formatError(error)).toBe(
      [
        'error: atomics between machines are not exact',
        '  because: TCG emits non-atomic code for a machine that can only ever have one CPU: right inside it, wrong between two',
        '  because: of 2,000 atomic increments, 1,990 were kept',
        '  try: machine.maxCpus: 2 or more; cpus may stay 1',
      ].join('\n'),
    );
  });

  test('of a gate that proved nothing has exit code 4', () => {
    const error = refusal(withTotals({ plain: 2000 }), { topology: loadTopology('two'), environment });

    expect(error).toMatchObject({ code: 'GATE_UNKNOWN', exitCode: 4 });
  });
});
