/**
 * The safety net under forgotten refs: a ref that is collected without having been dropped is reported as a process warning, and its
 * root dropped. Watching costs some hundred nanoseconds a ref, so that by default one in 256 is watched.
 */
import type { LeakReports } from './session.ts';

const sampledInterval = 256;
/** Long enough to come by once in many seconds of doing nothing else. */
const offInterval = 2 ** 30;

/** A root that several refs share, or that is watched. */
export interface SharedRoot {
  readonly root: number;
  /** Refs that hold it and are not spent. */
  handles: number;
  readonly isWatched: boolean;
  /** Where it was allocated; only in 'all'. */
  readonly stack: string | undefined;
}

export class LeakWatch {
  /** Of so many refs one is watched. */
  readonly interval: number;
  readonly #reports: LeakReports;
  #isOver = false;
  readonly #registry: FinalizationRegistry<SharedRoot>;

  constructor(reports: LeakReports, drop: (root: number) => void) {
    this.#reports = reports;
    this.interval = reports === 'all' ? 1 : reports === 'sampled' ? sampledInterval : offInterval;
    this.#registry = new FinalizationRegistry((shared) => {
      if (this.#isOver) return;
      warn(shared);
      if (--shared.handles === 0) drop(shared.root);
    });
  }

  /** Called when the count is down: how the new root is to be watched, if at all. */
  next(root: number): SharedRoot | null {
    if (this.#reports === 'off') return null;
    const stack = this.#reports === 'all' ? new Error('here').stack?.split('\n').slice(3).join('\n') : undefined;
    return { root, handles: 1, isWatched: true, stack };
  }

  watch(ref: object, shared: SharedRoot): void {
    this.#registry.register(ref, shared, ref);
  }

  /** What is collected from here on was dropped with its heap. */
  end(): void {
    this.#isOver = true;
  }

  unwatch(ref: object): void {
    this.#registry.unregister(ref);
  }
}

function warn({ root, stack }: SharedRoot): void {
  const detail = stack === undefined ? "open the heap with leakReports: 'all' to see where it came from" : `allocated\n${stack}`;
  process.emitWarning(`a ref (root ${root}) was forgotten: collected without a drop; it is dropped now`, {
    type: 'HeapLeak',
    code: 'REF_LEAKED',
    detail,
  });
}
