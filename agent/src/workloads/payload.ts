import { AgentError } from '../protocol/agent-error.ts';

/** An echo's request: its first bytes are the number of the call, so that an answer to another call is not taken for its own. */
export class EchoPayload {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #pool: Int32Array | undefined;

  /** `pool`: the memory in which all responses lie, each at a multiple of 4, if they lie in one: comparing there is part of what is measured. */
  constructor(sizeBytes: number, pool?: ArrayBufferLike) {
    this.bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 37 + 11) & 0xff);
    this.#words = new Int32Array(this.bytes.buffer, 0, sizeBytes >>> 2);
    this.#pool = pool === undefined ? undefined : new Int32Array(pool);
  }

  number(call: number): Uint8Array {
    if (this.bytes.length >= 4) this.#words[0] = call;
    return this.bytes;
  }

  /** Throws WRONG_ANSWER unless the response is this request. */
  verify(response: Uint8Array, call: number): void {
    const { bytes } = this;
    if (this.#isSame(response)) return;
    throw new AgentError('WRONG_ANSWER', `the answer to call ${call} is not its echo`, {
      cause: `sent ${shown(bytes)}, got ${shown(response)}`,
      hint: 'memory that is not shared coherently, or a bug: run the coherence gate, keep the pool for a post-mortem',
    });
  }

  #isSame(response: Uint8Array): boolean {
    if (response.length !== this.bytes.length) return false;
    return this.#pool === undefined ? Buffer.compare(response, this.bytes) === 0 : this.#isSameInPool(this.#pool, response);
  }

  /** Four words at a time, which takes half as long as one: V8 checks and branches for each look. */
  #isSameInPool(pool: Int32Array, response: Uint8Array): boolean {
    const words = this.#words;
    const from = response.byteOffset >>> 2;
    let difference = 0;
    let at = 0;
    for (; at + 4 <= words.length; at += 4) {
      difference |=
        (pool[from + at]! ^ words[at]!) |
        (pool[from + at + 1]! ^ words[at + 1]!) |
        (pool[from + at + 2]! ^ words[at + 2]!) |
        (pool[from + at + 3]! ^ words[at + 3]!);
    }
    for (; at < words.length; at++) difference |= pool[from + at]! ^ words[at]!;
    for (let index = at << 2; index < response.length; index++) difference |= response[index]! ^ this.bytes[index]!;
    return difference === 0;
  }
}

function shown(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${Buffer.from(bytes.subarray(0, 16)).toString('hex')}`;
}
