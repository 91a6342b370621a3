import type { WorkerProcess } from './worker-process.ts';

/** How many are kept. */
export const sparesWanted = 2;

export interface SpareWorkersOptions {
  start(): WorkerProcess;
  /** One is there at once; whether this is the moment to start the next, others know. */
  onLoaded(): void;
}

interface Spare {
  readonly process: WorkerProcess;
  isLoaded: boolean;
}

/**
 * Worker processes that are started ahead: loaded, joined to nothing. Two, since whoever dies at its work is followed by another, and
 * nobody waits for either ([decision 0003](../../../docs/decisions/0003-a-spare-worker.md)).
 */
export class SpareWorkers {
  readonly #options: SpareWorkersOptions;
  /** Oldest first. At most the last of them is still loading. */
  #spares: Spare[] = [];
  /** While something is measured none is started, and one that loads stands still. */
  #isHeld = false;
  #isClosed = false;

  constructor(options: SpareWorkersOptions) {
    this.#options = options;
  }

  /** How many are there at once. */
  get loaded(): number {
    return this.#spares.filter(({ isLoaded }) => isLoaded).length;
  }

  /** Starts the next one that is wanted, unless one is loading or all are held. Throws what keeps it from being started. */
  prepare(): void {
    if (this.#isClosed || this.#isHeld || this.#spares.length >= sparesWanted || this.#loading() !== undefined) return;
    const process = this.#options.start();
    const spare: Spare = { process, isLoaded: false };
    this.#spares.push(spare);
    process.ready.then(
      () => {
        spare.isLoaded = true;
        if (this.#spares.includes(spare)) this.#options.onLoaded();
      },
      () => {},
    );
    void process.ended.then(() => {
      this.#spares = this.#spares.filter((each) => each !== spare);
    });
  }

  take(): WorkerProcess | null {
    const spare = this.#spares.shift();
    spare?.process.resume();
    return spare?.process ?? null;
  }

  hold(): void {
    this.#isHeld = true;
    this.#loading()?.process.pause();
  }

  release(): void {
    this.#isHeld = false;
    this.#loading()?.process.resume();
  }

  /** Kills them all; resolves when their ends were seen. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#spares.splice(0).map(({ process }) => process.kill()));
  }

  #loading(): Spare | undefined {
    return this.#spares.find(({ isLoaded }) => !isLoaded);
  }
}
