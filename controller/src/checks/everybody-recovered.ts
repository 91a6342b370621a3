import { type Check, unknown, valid } from './check.ts';

/** What a dead client holds nobody may touch before its end was seen: a pool with such clients says nothing about what becomes of them. */
export const everybodyRecovered: Check = {
  name: 'everybody-recovered',
  sentence: 'Whoever was suspected to be dead came back, or was fenced and recovered.',
  check: ({ recoveries }) => {
    const pending = recoveries.filter(({ state }) => state === 'pending');
    if (pending.length > 0) {
      const named = pending.map(({ id, machine, because }) => `client ${id} of ${machine} (${because ?? 'not yet'})`);
      return unknown(`Quarantined, since nobody could fence them: ${named.join(', ')}.`, { pending });
    }
    const count = (wanted: string): number => recoveries.filter(({ state }) => state === wanted).length;
    return valid(
      `${recoveries.length} clients were suspected or their machines ended: ${count('recovered')} were fenced and recovered, ` +
        `${count('slow')} were only slow, ${count('gone')} left or were recovered otherwise.`,
      { recoveries: recoveries.length },
    );
  },
};
