/** Where the workers of workloads are: the same before a run, for faults that name them, and in it, where they are hired. */
import type { Pod } from '../cluster/pod.ts';
import type { Post } from '../runs/crew/hand.ts';

/** The two that many workloads have, on the first machine and on the second. */
export function pairOf(first: string, second: string, machines: readonly string[]): readonly [Post, Post] {
  return [
    { machine: machines[0]!, worker: first },
    { machine: machines[1]!, worker: second },
  ];
}

export function serverAndCaller(_: unknown, machines: readonly string[]): readonly [Post, Post] {
  return pairOf('server', 'caller', machines);
}

/** Worker `name-1` on the first machine, `name-2` on the second, and so on, round and round. */
export function spread(
  name: string,
  count: number,
  machines: readonly string[],
  { from = 0 }: { readonly from?: number } = {},
): readonly Post[] {
  return Array.from({ length: count }, (_, index) => ({
    machine: machines[(from + index) % machines.length]!,
    worker: `${name}-${index + 1}`,
  }));
}

export function namesOf({ machines }: Pick<Pod, 'machines'>): readonly string[] {
  return machines.map(({ machine }) => machine.name);
}
