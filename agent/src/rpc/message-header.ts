/** The line before a payload, as the services use it: whose call it is, and which step of a stream. */
import { constants, layout } from '../layout/index.ts';

const references = layout.MessageHeader.references.offset / 4;
const method = layout.MessageHeader.method.offset / 4;
const channel = layout.MessageHeader.channel.offset / 4;
const flags = layout.MessageHeader.flags.offset / 4;

/** Steps of a stream; 0 is an ordinary call. */
export const streamSteps = { none: 0, open: 1, next: 2, drop: 3, last: 4 } as const;
const stepLimit = 8;

/**
 * `MessageHeader.flags`. The caller numbers its streams, so that it need not wait for the answer to the first pull.
 *
 *     31                      3 2      0
 *     |   number of the stream   | step  |
 */
export const streamWord = {
  pack: (step: number, number: number): number => number * stepLimit + step,
  step: (word: number): number => word % stepLimit,
  number: (word: number): number => Math.floor(word / stepLimit),
} as const;

/** Made once for each slot: each field is read or written once, because the other side may change it at any time. */
export class HeaderLine {
  readonly #words: Uint32Array;

  constructor(line: Uint8Array) {
    this.#words = new Uint32Array(line.buffer, line.byteOffset, constants.HEADER_BYTES / 4);
  }

  /** `word`: what the message says of its references. */
  write(methodNumber: number, channelNumber: number, stream: number, word = 0): void {
    this.#words[references] = word;
    this.#words[method] = methodNumber;
    this.#words[channel] = channelNumber;
    this.#words[flags] = stream;
  }

  get references(): number {
    return this.#words[references]!;
  }

  get channel(): number {
    return this.#words[channel]!;
  }

  get stream(): number {
    return this.#words[flags]!;
  }
}
