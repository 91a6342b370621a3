import { AgentError } from '../protocol/agent-error.ts';

/** An echo's request: its first bytes are the number of the call, so that an answer to another call is not taken for its own. */
export class EchoPayload {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

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
    let same = response.length === bytes.length;
    for (let index = 0; same && index < bytes.length; index++) same = response[index] === bytes[index];
    if (same) return;
    throw new AgentError('WRONG_ANSWER', `the answer to call ${call} is not its echo`, {
      cause: `sent ${shown(bytes)}, got ${shown(response)}`,
      hint: 'memory that is not shared coherently, or a bug: run the coherence gate, keep the pool for a post-mortem',
    });
  }
}

function shown(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${Buffer.from(bytes.subarray(0, 16)).toString('hex')}`;
}
