import { describe, expect, test } from 'vitest';
import type { FaultOutcome } from '../../src/runs/evidence.ts';
import { harmSpans, recoverySpans } from '../../src/runs/lifelines.ts';

const at = (ms: number) => ({ clock: 'controller', ns: ms * 1e6 });
const outcome: FaultOutcome = {
  kind: 'powerOff',
  sentence: 'power off vm2',
  lane: { machine: 'vm2', name: 'machine' },
  struckAt: at(10),
  seen: { sentence: 'vm2 was seen to end', evidence: {} },
  healedAt: at(40),
  error: null,
};

describe('who was harmed', () => {
  test('was so from the strike until it was healed, or until the end', () => {
    expect(harmSpans([outcome, { ...outcome, healedAt: null }], ['vm1', 'vm2'], at(99))).toMatchObject([
      { lane: outcome.lane, kind: 'harm', name: 'dead', start: at(10), end: at(40) },
      { name: 'dead', start: at(10), end: at(99) },
    ]);
  });

  test('is every machine where a fault has no one place', () => {
    const { lane: _, ...everywhere } = outcome;
    const spans = harmSpans([{ ...everywhere, kind: 'allPowerOff' }], ['vm1', 'vm2'], at(99));

    expect(spans.map(({ lane }) => lane)).toEqual([
      { machine: 'vm1', name: 'machine' },
      { machine: 'vm2', name: 'machine' },
    ]);
  });

  test('is nobody where nothing struck, or a machine only joined', () => {
    expect(
      harmSpans(
        [
          { ...outcome, struckAt: null },
          { ...outcome, kind: 'joinMachine' },
        ],
        ['vm1'],
        at(99),
      ),
    ).toEqual([]);
  });
});

test('clients of a machine that were recovered together are one span', () => {
  const client = (id: number, recoveredMs: number) => ({
    ...{ id, incarnation: 1, machine: 'vm2', state: 'recovered' as const, by: 'vm1', because: null },
    ...{ suspectedAt: at(10), endSeenAt: at(12), fencedAt: at(13), recoveredAt: at(recoveredMs) },
  });

  expect(recoverySpans([client(1, 20), client(2, 20), client(3, 30)])).toMatchObject([
    { name: 'suspected', start: at(10), end: at(13), detail: { clients: '1.1 2.1 3.1' } },
    { name: 'being recovered', start: at(13), end: at(20), detail: { clients: '1.1 2.1' } },
    { name: 'being recovered', start: at(13), end: at(30), detail: { clients: '3.1' } },
  ]);
});
