import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alignClocks, controllerClock } from '../../src/traces/align-clocks.ts';

const ms = 1e6;

describe('clocks', () => {
  test('the reference keeps its own time', () => {
    const alignment = alignClocks({ reference: 'vm1', offsets: [], observations: [] });

    expect(alignment.toReferenceNs({ clock: 'vm1', ns: 12_345 })).toBe(12_345);
  });

  test('an offset measured over the pool moves a machine, and its error is stated', () => {
    const alignment = alignClocks({
      reference: 'vm1',
      offsets: [{ clock: 'vm2', atNs: 1000, behindNs: 5_000_000, errorNs: 700 }],
      observations: [],
    });

    expect(alignment.toReferenceNs({ clock: 'vm2', ns: 2000 })).toBe(5_002_000);
    expect(alignment.clocks.find(({ clock }) => clock === 'vm2')).toMatchObject({ errorNs: 700, by: 'pool', driftPpm: null });
  });

  test('two offsets at different times also correct the drift between them', () => {
    const alignment = alignClocks({
      reference: 'vm1',
      offsets: [
        { clock: 'vm2', atNs: 0, behindNs: 1000, errorNs: 10 },
        { clock: 'vm2', atNs: 1000 * ms, behindNs: 1000 + 0.1 * ms, errorNs: 10 },
      ],
      observations: [],
    });

    expect(alignment.toReferenceNs({ clock: 'vm2', ns: 500 * ms })).toBeCloseTo(500 * ms + 1000 + 0.05 * ms, 0);
    expect(alignment.clocks.find(({ clock }) => clock === 'vm2')?.driftPpm).toBeCloseTo(-100, 6);
  });

  test('the controller is never placed further from its true time than the error that is stated', () => {
    const request = fc.record({
      atNs: fc.integer({ min: 0, max: 1000 * ms }),
      thereNs: fc.integer({ min: 0, max: 20 * ms }),
      backNs: fc.integer({ min: 0, max: 20 * ms }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.array(request, { minLength: 1, maxLength: 20 }),
        (ahead, requests) => {
          const observations = requests.map(({ atNs, thereNs, backNs }) => ({
            clock: 'vm1',
            sentNs: atNs,
            machineNs: atNs + thereNs + ahead,
            receivedNs: atNs + thereNs + backNs,
          }));
          const alignment = alignClocks({ reference: 'vm1', offsets: [], observations });

          const { errorNs } = alignment.clocks.find(({ clock }) => clock === controllerClock)!;
          expect(Math.abs(alignment.toReferenceNs({ clock: controllerClock, ns: 0 }) - ahead)).toBeLessThanOrEqual(
            errorNs + 1e-3,
          );
          expect(errorNs).toBeLessThanOrEqual(20 * ms);
        },
      ),
    );
  });

  test('a machine that was never measured is placed through the controller, with both errors added', () => {
    const seen = (clock: string, aheadNs: number, slackNs: number) => ({
      clock,
      sentNs: 1000 * ms - slackNs,
      machineNs: 1000 * ms + aheadNs,
      receivedNs: 1000 * ms + slackNs,
    });
    const alignment = alignClocks({
      reference: 'vm1',
      offsets: [],
      observations: [seen('vm1', 7 * ms, 2 * ms), seen('vm3', 500 * ms, 3 * ms)],
    });

    expect(alignment.toReferenceNs({ clock: 'vm3', ns: 1500 * ms })).toBeCloseTo(1007 * ms, 0);
    expect(alignment.clocks.find(({ clock }) => clock === 'vm3')?.errorNs).toBeCloseTo(5 * ms, 0);
  });
});
