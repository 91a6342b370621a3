/** Pods for runs one after the other: the one that ran last is used again while that is sound, a new one is brought up otherwise. */
import { randomBytes } from 'node:crypto';
import { downPod } from '../cluster/down.ts';
import type { Pod } from '../cluster/pod.ts';
import { upPod } from '../cluster/up.ts';
import { loadTopology } from '../config/load-topology.ts';
import type { RunRecord } from '../runs/run-record.ts';

/** The gate refuses a pod on which the machines never ran at the same time; on a busy host the next try may do. */
const upAttempts = 4;
const runsPerPod = 40;

interface Shelved {
  readonly pod: Pod;
  runs: number;
}

export interface ShelfOptions {
  readonly signal: AbortSignal;
  say(text: string): void;
}

export class PodShelf implements AsyncDisposable {
  readonly #options: ShelfOptions;
  readonly #byTopology = new Map<string, Shelved>();

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  async take(topology: string): Promise<Pod> {
    const shelved = this.#byTopology.get(topology);
    if (shelved !== undefined) return shelved.pod;
    const pod = await this.#up(topology);
    this.#byTopology.set(topology, { pod, runs: 0 });
    return pod;
  }

  /** Told after each run; null: it threw. A pod on which anything was not as it should be is not used again. */
  async putBack(topology: string, record: RunRecord | null): Promise<void> {
    const shelved = this.#byTopology.get(topology);
    if (shelved === undefined) return;
    const isClean = record?.verdict === 'valid' && record.error === null && record.missing.length === 0;
    // A machine joins a pod once.
    const isAsBefore = shelved.pod.topology.joinLater.length === 0;
    if (isClean && isAsBefore && ++shelved.runs < runsPerPod) return;
    await this.#down(topology);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const topology of [...this.#byTopology.keys()]) await this.#down(topology);
  }

  async #up(topology: string): Promise<Pod> {
    const { signal, say } = this.#options;
    const loaded = loadTopology(topology);
    for (let attempt = 1; ; attempt++) {
      const name = `${loaded.name.slice(0, 20)}-${randomBytes(4).toString('hex')}`;
      try {
        const { pod } = await upPod({ topology: { ...loaded, name }, signal, quiet: true, say: () => {} });
        return pod;
      } catch (error) {
        if (attempt >= upAttempts || signal.aborted) throw error;
        say(`pod ${name} did not come up (${error instanceof Error ? error.message : String(error)}); once more`);
      }
    }
  }

  async #down(topology: string): Promise<void> {
    const { pod } = this.#byTopology.get(topology)!;
    this.#byTopology.delete(topology);
    await pod[Symbol.asyncDispose]();
    await downPod(pod.name);
  }
}
