/** Which pages of a memory were written since it was last as in a snapshot, so that going back copies only those. */

const pageShift = 10;

export class ChangedPages {
  readonly #bytes: Uint8Array;
  /** 0: as in the snapshot; 1: in the list; 2: exposed, so it may change at any time. */
  readonly #marks: Uint8Array;
  readonly #list: Int32Array;
  #count = 0;
  readonly #exposed: number[] = [];
  #base: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#marks = new Uint8Array((bytes.length >> pageShift) + 1);
    this.#list = new Int32Array(this.#marks.length);
  }

  /** To be called with each write. */
  mark(address: number): void {
    const page = address >> pageShift;
    if (this.#marks[page] === 0) this.#add(page);
  }

  #add(page: number): void {
    this.#marks[page] = 1;
    this.#list[this.#count++] = page;
  }

  expose(address: number, sizeBytes: number): void {
    for (let page = address >> pageShift; page << pageShift < address + sizeBytes; page++) {
      if (this.#marks[page] === 2) continue;
      this.#marks[page] = 2;
      this.#exposed.push(page);
    }
  }

  snapshot(): Uint8Array {
    const copy = this.#bytes.slice();
    this.#forget();
    this.#base = copy;
    return copy;
  }

  restore(copy: Uint8Array): void {
    if (this.#base !== copy) {
      this.#bytes.set(copy);
      this.#base = copy;
    } else {
      for (let index = 0; index < this.#count; index++) this.#copyPage(copy, this.#list[index]!);
      for (const page of this.#exposed) this.#copyPage(copy, page);
    }
    this.#forget();
  }

  #copyPage(copy: Uint8Array, page: number): void {
    const start = page << pageShift;
    this.#bytes.set(copy.subarray(start, start + (1 << pageShift)), start);
  }

  #forget(): void {
    for (let index = 0; index < this.#count; index++) {
      const page = this.#list[index]!;
      if (this.#marks[page] === 1) this.#marks[page] = 0;
    }
    this.#count = 0;
  }
}
