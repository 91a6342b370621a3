/** The calling side of a stream: items are pulled by ordinary calls, some of them ahead of who reads them. */

export type Item<T> = { readonly done: true } | { readonly done: false; readonly value: T };

export class CallStream<T> implements AsyncIterableIterator<T> {
  readonly #pull: (isOpening: boolean) => Promise<Item<T>>;
  readonly #drop: () => Promise<void>;
  readonly #ahead: number;
  readonly #pulls: Promise<Item<T>>[] = [];
  #isOpened = false;
  #isOver = false;

  /** `drop` tells the server that no more is wanted; never rejects. */
  constructor(pull: (isOpening: boolean) => Promise<Item<T>>, drop: () => Promise<void>, ahead: number) {
    this.#pull = pull;
    this.#drop = drop;
    this.#ahead = ahead;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next item. Rejects with RpcError as a call does; what did not arrive is lost with it. */
  async next(): Promise<IteratorResult<T>> {
    this.#fill();
    const pull = this.#pulls.shift();
    if (pull === undefined) return { done: true, value: undefined };
    let item: Item<T>;
    try {
      item = await pull;
    } catch (error) {
      await this.#end();
      throw error;
    }
    if (!item.done) return item;
    this.#isOver = true;
    return { done: true, value: undefined };
  }

  /** The server drops its generator, whose `finally` blocks run. */
  async return(): Promise<IteratorResult<T>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<T>> {
    await this.#end();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pulls.length = 0;
    if (this.#isOpened) await this.#drop();
  }

  /** As many pulls in flight, or arrived and not read, as are wanted ahead. */
  #fill(): void {
    while (!this.#isOver && this.#pulls.length < this.#ahead) {
      const pull = this.#pull(!this.#isOpened);
      this.#isOpened = true;
      // Its error is told to who awaits it; nobody does once the stream is over.
      pull.catch(() => undefined);
      this.#pulls.push(pull);
    }
  }
}
