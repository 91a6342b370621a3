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
      offsets: [{ clock: 'vm2', controllerNs: 1000, behindNs: 5_000_000, errorNs: 700 }],
      observations: [],
    });

    expect(alignment.toReferenceNs({ clock: 'vm2', ns: 2000 })).toBe(5_002_000);
    expect(alignment.clocks.find(({ clock }) => clock === 'vm2')).toMatchObject({ errorNs: 700, by: 'pool', driftPpm: null });
  });

  test('two offsets at different times also correct the drift between them', () => {
    // vm2 loses 0.1 ms a second on vm1, and both are far from the controller.
    const alignment = alignClocks({
      reference: 'vm1',
      offsets: [
        { clock: 'vm2', controllerNs: 0, behindNs: 1000, errorNs: 10 },
        { clock: 'vm2', controllerNs: 1000 * ms, behindNs: 1000 + 0.1 * ms, errorNs: 10 },
      ],
      observations: [{ clock: 'vm2', sentNs: 0, machineNs: 70_000 * ms, receivedNs: 0 }],
    });

    expect(alignment.toReferenceNs({ clock: 'vm2', ns: 70_500 * ms })).toBeCloseTo(70_500 * ms + 1000 + 0.05 * ms, 0);
    const aligned = alignment.clocks.find(({ clock }) => clock === 'vm2')!;
    expect(aligned.driftPpm).toBeCloseTo(-100, 6);
    expect(aligned.errorNs).toBe(10);
  });

  test('two offsets of a clock that the controller never saw are averaged no further than their error says', () => {
    const offset = (controllerNs: number, behindNs: number) => ({ clock: 'vm2', controllerNs, behindNs, errorNs: 10 });
    const alignment = alignClocks({ reference: 'vm1', offsets: [offset(0, 1000), offset(5, 1500)], observations: [] });

    expect(alignment.clocks.find(({ clock }) => clock === 'vm2')).toMatchObject({ driftPpm: null, errorNs: 510 });
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

  test('every observation narrows what the others leave open', () => {
    const observations = [
      { clock: 'vm1', sentNs: 0, machineNs: 101 * ms, receivedNs: 50 * ms },
      { clock: 'vm1', sentNs: 60 * ms, machineNs: 199 * ms, receivedNs: 100 * ms },
    ];
    const alignment = alignClocks({ reference: 'vm1', offsets: [], observations });

    // The first says 51 to 101 ms ahead, the second 99 to 139 ms: together 99 to 101 ms.
    expect(alignment.clocks.find(({ clock }) => clock === controllerClock)).toMatchObject({ behindNs: 100 * ms, errorNs: ms });
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
