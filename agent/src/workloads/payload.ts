import { AgentError } from '../protocol/agent-error.ts';

/** An echo's request: its first bytes are the number of the call, so that an answer to another call is not taken for its own. */
export class EchoPayload {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Over the memory that responses lie in: words are looked at, because a byte costs as much as a word. */
  #responses: DataView | undefined;

  constructor(sizeBytes: number) {
    this.bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 37 + 11) & 0xff);
    this.#view = new DataView(this.bytes.buffer);
  }

  number(call: number): Uint8Array {
    if (this.bytes.length >= 4) this.#view.setUint32(0, call >>> 0, true);
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
    const { length } = this.bytes;
    if (response.length !== length) return false;
    if (this.#responses?.buffer !== response.buffer) this.#responses = new DataView(response.buffer);
    const responses = this.#responses!;
    const from = response.byteOffset;
    let index = 0;
    for (; index + 4 <= length; index += 4) {
      if (responses.getUint32(from + index, true) !== this.#view.getUint32(index, true)) return false;
    }
    for (; index < length; index++) if (response[index] !== this.bytes[index]) return false;
    return true;
  }
}

function shown(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${Buffer.from(bytes.subarray(0, 16)).toString('hex')}`;
}
