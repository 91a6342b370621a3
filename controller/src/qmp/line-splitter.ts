const newline = 0x0a;

/** Cuts a byte stream into lines, and refuses one that is longer than the limit before it is held in memory. */
export class LineSplitter {
  readonly #limitBytes: number;
  readonly #onLine: (line: string) => void;
  #pieces: Buffer[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number, onLine: (line: string) => void) {
    this.#limitBytes = limitBytes;
    this.#onLine = onLine;
  }

  push(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      this.#keep(bytes.subarray(start, end));
      const line = Buffer.concat(this.#pieces).toString('utf8').trim();
      this.#pieces = [];
      this.#sizeBytes = 0;
      if (line !== '') this.#onLine(line);
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  #keep(piece: Buffer): void {
    this.#sizeBytes += piece.length;
    if (this.#sizeBytes > this.#limitBytes) throw new Error(`a line is longer than ${this.#limitBytes} bytes`);
    if (piece.length > 0) this.#pieces.push(piece);
  }
}
