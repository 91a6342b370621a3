/** Calls that wait for a place in the window: in the order in which they were made, one of each channel in turn. */
import { type Call, Channel } from './call.ts';

export class CallQueue {
  readonly #channels: Channel[] = [];
  #nextChannel = 0;
  /** Whose turn it is. */
  #first = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get hasChannels(): boolean {
    return this.#channels.length !== 0;
  }

  open(): Channel {
    const channel = new Channel(this.#nextChannel++);
    this.#channels.push(channel);
    return channel;
  }

  /** False if it is closed already. */
  close(channel: Channel): boolean {
    const at = this.#channels.indexOf(channel);
    if (at < 0) return false;
    this.#channels.splice(at, 1);
    return true;
  }

  add(call: Call): void {
    call.channel.waiting.add(call);
    this.#count++;
  }

  /** Whether it waited. */
  remove(call: Call): boolean {
    if (!call.channel.waiting.delete(call)) return false;
    this.#count--;
    return true;
  }

  /** The next one, which waits on until it is taken. */
  next(): Call | undefined {
    for (let count = 0; count < this.#channels.length; count++) {
      const at = (this.#first + count) % this.#channels.length;
      for (const call of this.#channels[at]!.waiting) {
        this.#first = at;
        return call;
      }
    }
    return undefined;
  }

  /** The one that `next` returned leaves, and the next channel has its turn. */
  take(call: Call): void {
    this.remove(call);
    this.#first++;
  }

  /** Before all others of its channel. */
  putBack(call: Call): void {
    const others = [...call.channel.waiting];
    call.channel.waiting.clear();
    for (const waiting of [call, ...others]) call.channel.waiting.add(waiting);
    call.slot = undefined;
    this.#count++;
  }

  all(): readonly Call[] {
    return this.#channels.flatMap(({ waiting }) => [...waiting]);
  }
}
