/** What a fault does when another one has its machine down. */
import { expect, test, vi } from 'vitest';
import type { Fault } from '../../src/faults/fault.ts';
import type { Progress } from '../../src/runs/progress.ts';
import { Strikes } from '../../src/runs/strike-faults.ts';
import { Timeline } from '../../src/traces/timeline.ts';
import type { WorkloadContext } from '../../src/workload/workload.ts';

const patiently = { timeout: 60_000 };

/** Strikes at once, and is healed when `healed` says so. */
function faultOn(machines: readonly string[], done: string[], name: string, more: Partial<Fault> = {}) {
  let heal: () => void = () => {};
  const healing = new Promise<void>((resolve) => {
    heal = resolve;
  });
  const fault: Fault = {
    kind: name,
    sentence: name,
    needs: { machines },
    schedule: { when: 'after', ms: 0 },
    healAfterMs: 0,
    strike: async () => {
      done.push(`${name} strikes`);
      return { sentence: name, evidence: {} };
    },
    heal: async () => {
      await healing;
      done.push(`${name} healed`);
      return undefined;
    },
    fired: () => ({ verdict: 'valid', sentence: '', evidence: {} }),
    ...more,
  };
  return { fault, heal };
}

function begin(faults: readonly Fault[]): Strikes {
  const strikes = new Strikes(faults);
  const context = { crew: { atWork: Promise.resolve() }, timeline: new Timeline(), say: () => {} };
  strikes.begin(context as unknown as WorkloadContext, {} as Progress);
  return strikes;
}

test('a fault on a machine that another one has down strikes when it is back; one on another machine, or on none, at once', async () => {
  const done: string[] = [];
  const off = faultOn(['vm2'], done, 'off', { takesDown: true });
  const frozen = faultOn(['vm2'], done, 'frozen');
  const again = faultOn(['vm2'], done, 'again', { takesDown: true });
  const all = faultOn([], done, 'all', { takesDown: true });
  const other = faultOn(['vm1'], done, 'other');
  const load = faultOn([], done, 'load');
  for (const { heal } of [frozen, again, all, other, load]) heal();
  const strikes = begin([off, frozen, again, all, other, load].map(({ fault }) => fault));
  await vi.waitFor(() => expect(done).toEqual(expect.arrayContaining(['other healed', 'load healed'])), patiently);
  expect(done.filter((each) => /^(frozen|again|all)/.test(each))).toEqual([]);

  off.heal();
  await vi.waitFor(() => expect(strikes.states.every((state) => state === 'over')).toBe(true), patiently);

  const at = (what: string): number => done.indexOf(what);
  expect(at('off healed')).toBeLessThan(Math.min(at('frozen strikes'), at('again strikes'), at('all strikes')));
  // Of two that take the machine down, one waits for the other.
  const [first, second] = ['again', 'all'].sort((a, b) => at(`${a} strikes`) - at(`${b} strikes`));
  expect(at(`${first} healed`)).toBeLessThan(at(`${second} strikes`));
  await strikes.end();
});

test('one that waits for its moment keeps nobody from striking', async () => {
  const done: string[] = [];
  const armed = faultOn(['vm2'], done, 'armed', {
    takesDown: true,
    schedule: { when: 'armed' },
    strike: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
  });
  const frozen = faultOn(['vm2'], done, 'frozen');
  frozen.heal();
  const strikes = begin([armed.fault, frozen.fault]);
  await vi.waitFor(() => expect(done).toEqual(['frozen strikes', 'frozen healed']), patiently);

  expect(await strikes.end()).toBeNull();
});

test('one whose machine is down until the workload is over was not seen to fire', async () => {
  const done: string[] = [];
  const off = faultOn(['vm2'], done, 'off', { takesDown: true, healAfterMs: null });
  const frozen = faultOn(['vm2'], done, 'frozen');
  off.heal();
  const strikes = begin([off.fault, frozen.fault]);
  await vi.waitFor(() => expect(strikes.states[0]).toBe('struck'), patiently);

  await strikes.end();

  expect(done).toEqual(['off strikes', 'off healed']);
  expect(strikes.outcomes[1]).toMatchObject({ seen: null, error: null });
});
