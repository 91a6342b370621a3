/** One connection of a service: its caller, streams and handlers in the background. */
import { codes } from '../layout/index.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import type { Answer } from './answer.ts';
import type { Cursor } from './cursor.ts';
import { HeaderLine } from './message-header.ts';
import { ReferenceServer } from './reference-server.ts';
import type { Server } from './server.ts';
import type { CallContext } from './service.ts';

/** A request that is answered later. */
export interface Task {
  readonly connection: ServedConnection;
  readonly slot: number;
  readonly methodNumber: number;
  /** The stream that the pull belongs to; undefined for a call. */
  readonly stream: number | undefined;
  readonly run: (signal: AbortSignal) => Promise<unknown>;
  /** Makes the answer of what `run` came to. */
  readonly write: (value: unknown) => void;
  /** Before it is answered: what the request brought is the answer's. */
  readonly hold?: () => void;
  /** It ended, and nobody waits for it: lets go of what it holds, and of what it came to. */
  readonly discard?: (value?: unknown) => void;
  readonly abort: AbortController;
  readonly startedMs: number;
  /** Answered, or there is nobody to answer; what the handler returns after that is dropped. */
  isOver: boolean;
}

export class ServedConnection {
  readonly server: Server;
  /** For methods of kind `heap`. */
  readonly references: ReferenceServer | undefined;
  /** For inline handlers, one at a time. */
  readonly context: { connection: number; channel: number } & CallContext;
  readonly cursors = new Map<number, Cursor>();
  readonly tasks = new Set<Task>();
  /** The highest number of a stream that was opened. */
  highestCursor = -1;
  isOver = false;
  /** What was there when its server began to drain has been taken; what comes now is refused. */
  isDrained = false;
  /** Requests taken since then. */
  drained = 0;
  /** Its caller was counted. */
  isAccepted = false;
  readonly #requestHeaders: HeaderLine[];
  readonly #responseHeaders: HeaderLine[];
  #offered: number;
  #requestsSinceOffer = 0;

  constructor(server: Server, heap: HeapClient | undefined) {
    this.server = server;
    this.references = heap === undefined ? undefined : new ReferenceServer(server, heap);
    this.context = { connection: server.connection, channel: 0 };
    this.#offered = server.window;
    const slots = Array.from({ length: server.window }, (_, slot) => slot);
    this.#requestHeaders = slots.map((slot) => new HeaderLine(server.requestHeader(slot)));
    this.#responseHeaders = slots.map((slot) => new HeaderLine(server.responseHeader(slot)));
  }

  requestHeader(slot: number): HeaderLine {
    return this.#requestHeaders[slot]!;
  }

  responseHeader(slot: number): HeaderLine {
    return this.#responseHeaders[slot]!;
  }

  /** Answers the request in a slot; the status that was sent. */
  reply(slot: number, answer: Answer): number {
    if (answer.result !== undefined) return this.references!.reply(slot, { ...answer.result, status: codes.OK });
    if (this.references === undefined) this.server.reply(slot, answer.length, answer.status);
    else this.references.answer(slot, answer.length, answer.status);
    return answer.code;
  }

  /** How many calls in flight the caller was told last. */
  get offered(): number {
    return this.#offered;
  }

  /**
   * Half as many while the server is behind, one more for each lap in which it is not: as many senders share a link. At most one change for
   * each lap, because the caller hears of it no sooner.
   */
  adapt(requests: number, isBehind: boolean): void {
    this.#requestsSinceOffer += requests;
    if (this.#requestsSinceOffer < this.server.window) return;
    const offered = isBehind ? Math.max(1, this.#offered >> 1) : Math.min(this.server.window, this.#offered + 1);
    this.#requestsSinceOffer = 0;
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.server.offer(offered);
  }

  dropCursor(number: number): void {
    this.cursors.get(number)?.drop();
    this.cursors.delete(number);
  }

  /** Nobody waits for what runs for this connection any more; what still runs finds its signal aborted. */
  end(giveBack = true): void {
    for (const task of this.tasks) {
      task.isOver = true;
      task.abort.abort();
    }
    this.tasks.clear();
    for (const cursor of this.cursors.values()) cursor.drop();
    this.cursors.clear();
    if (!giveBack) return;
    if (this.references === undefined) this.server.close();
    else this.references.close();
  }
}
