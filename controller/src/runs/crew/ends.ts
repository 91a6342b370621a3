/** The ends of a crew's workers: each is seen once, by whoever sees it first, told to who waits for it, and kept for the checks. */
import type { WorkerExit } from '@cxlpod/agent/protocol';
import type { SeenExit } from '../evidence.ts';
import type { Hand } from './hand.ts';
import type { CrewMemory } from './past-crew.ts';

/** What an agent takes to see the end of a process and to tell it. */
export const exitSeenWithinMs = 10_000;

export class Ends {
  /** In the order seen. */
  readonly exits: SeenExit[] = [];
  readonly #onChange: () => void;
  readonly #seen = new Map<string, SeenExit>();
  readonly #waiting = new Map<string, (exit: SeenExit) => void>();
  readonly #asked = new Set<string>();
  readonly #boots = new Map<string, number>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Of a process of this boot of the machine, by default the one that runs now: one of the next may have the same number. */
  keyOf(machine: string, pid: number, boot: number = this.bootOf(machine)): string {
    return `${machine}/${boot}/${pid}`;
  }

  /** How often the machine has ended. */
  bootOf(machine: string): number {
    return this.#boots.get(machine) ?? 0;
  }

  has(key: string): boolean {
    return this.#seen.has(key);
  }

  /** Resolves when it is seen, which may have been before. For one who waits. */
  of(key: string): Promise<SeenExit> {
    return new Promise((resolve) => {
      const early = this.#seen.get(key);
      if (early !== undefined) resolve(early);
      else this.#waiting.set(key, resolve);
    });
  }

  /** From now on its end is one that the run has asked for. */
  ask(key: string): void {
    this.#asked.add(key);
  }

  see(machine: string, exit: WorkerExit, how: Pick<SeenExit, 'withMachine' | 'untold'> = {}): SeenExit {
    const key = this.keyOf(machine, exit.pid);
    const earlier = this.#seen.get(key);
    if (earlier !== undefined) return earlier;
    const seen = { ...exit, machine, asked: this.#asked.has(key), ...how };
    this.#seen.set(key, seen);
    this.exits.push(seen);
    this.#onChange();
    this.#waiting.get(key)?.(seen);
    this.#waiting.delete(key);
    return seen;
  }

  /** Its exit was told before its end was certain. */
  fencedLate(machine: string, { pid, fenced }: Pick<WorkerExit, 'pid' | 'fenced'>): void {
    const index = this.exits.findLastIndex((exit) => exit.machine === machine && exit.pid === pid);
    if (index === -1) return;
    const told = this.exits[index]!;
    const seen = { ...told, fenced };
    this.exits[index] = seen;
    for (const [key, exit] of this.#seen) if (exit === told) this.#seen.set(key, seen);
    this.#onChange();
  }

  /** Once the ends of those who were on it are seen. */
  machineEnded(machine: string): void {
    this.#boots.set(machine, this.bootOf(machine) + 1);
  }

  get memory(): Pick<CrewMemory, 'exits' | 'boots'> {
    return { exits: [...this.#seen].map(([key, exit]) => ({ key, exit })), boots: Object.fromEntries(this.#boots) };
  }

  recall({ exits, boots }: Pick<CrewMemory, 'exits' | 'boots'>, asked: readonly string[]): void {
    for (const [machine, times] of Object.entries(boots)) this.#boots.set(machine, times);
    for (const { key, exit } of exits) {
      this.#seen.set(key, exit);
      this.exits.push(exit);
    }
    for (const key of asked) this.#asked.add(key);
  }
}

/** Null when it is not seen within the limit. */
export async function exitWithin({ exit }: Hand, limitMs: number): Promise<SeenExit | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([exit, late]);
  } finally {
    clearTimeout(timer);
  }
}
