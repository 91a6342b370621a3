/** The serving side of a stream: what is left of a handler's iterable. */

export type Pulled = { readonly done: true } | { readonly done: false; readonly value: unknown };

const done: Pulled = { done: true };

export class Cursor {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly isAsync: boolean;
  /** Pulls of an async iterable wait for each other: not every iterator bears two at once. */
  #tail: Promise<unknown> = Promise.resolve();
  #isOver = false;

  /** Throws TypeError for what is not iterable. */
  constructor(items: unknown) {
    const iterable = items as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
    this.isAsync = typeof iterable?.[Symbol.asyncIterator] === 'function';
    const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
    if (iterator === undefined) throw new TypeError('the handler of a stream returned nothing that can be iterated');
    this.#iterator = iterator;
  }

  /** Of an iterable that is not async. What the iterator throws ends it. */
  pull(): Pulled {
    if (this.#isOver) return done;
    try {
      return this.#seen((this.#iterator as Iterator<unknown>).next());
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  pullLater(): Promise<Pulled> {
    const pull = this.#tail.then(async () => {
      if (this.#isOver) return done;
      try {
        return this.#seen(await this.#iterator.next());
      } catch (error) {
        this.#isOver = true;
        throw error;
      }
    });
    this.#tail = pull.catch(() => undefined);
    return pull;
  }

  /** The caller wants no more: `finally` blocks of the generator run, now or after the pull that it is at. Never throws. */
  drop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
    } catch {
      // Nobody is left whom the error of a `finally` block would concern.
    }
  }

  #seen(result: IteratorResult<unknown>): Pulled {
    if (!result.done) return { done: false, value: result.value };
    this.#isOver = true;
    return done;
  }
}
