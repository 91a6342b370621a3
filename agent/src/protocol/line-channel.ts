import type { Duplex } from 'node:stream';
import { AgentError } from './agent-error.ts';
import { lineLimitBytes } from './messages.ts';

/** JSON messages over a byte stream, one a line, in both directions. */
export interface LineChannel {
  /** Writes one message. False once the channel is closed: the message is dropped. */
  send(message: object): boolean;
  /** The next message that no listener took, for handshakes; rejects on the deadline or when the channel ends. */
  next(what: string, timeoutMs: number): Promise<unknown>;
  /** Every message from now on, those that are waiting first. One listener. */
  onMessage(listener: (message: unknown) => void): void;
  /** Flushes what was sent, then ends the stream. */
  close(): void;
  /**
   * Resolves when nothing is received any more and what was sent is handed over: with null after an orderly end, with the
   * reason otherwise. Never rejects.
   */
  readonly closed: Promise<AgentError | null>;
}

export interface LineChannelLimits {
  readonly lineBytes: number;
  /** Unread output that makes a peer too slow to keep. */
  readonly pendingOutputBytes: number;
}

const defaultLimits: LineChannelLimits = { lineBytes: lineLimitBytes, pendingOutputBytes: 64 * 1024 * 1024 };
const newline = 0x0a;

export function lineChannel(stream: Duplex, limits: Partial<LineChannelLimits> = {}): LineChannel {
  return new DuplexLineChannel(stream, { ...defaultLimits, ...limits });
}

class DuplexLineChannel implements LineChannel {
  readonly closed: Promise<AgentError | null>;
  readonly #stream: Duplex;
  readonly #limits: LineChannelLimits;
  /** The pieces of the line that has not ended yet. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  readonly #waiting: unknown[] = [];
  #listener: ((message: unknown) => void) | null = null;
  #wake: (() => void) | null = null;
  #reason: AgentError | null = null;
  #open = true;
  #settleClosed: (reason: AgentError | null) => void = () => {};

  constructor(stream: Duplex, limits: LineChannelLimits) {
    this.#stream = stream;
    this.#limits = limits;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    stream.on('data', (chunk: Buffer | string) => this.#onBytes(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
    stream.on('end', () => {
      this.close();
      stream.end(() => stream.destroy());
    });
    stream.on('error', (error) => this.#fail(new AgentError('CHANNEL_LOST', 'the channel broke', { cause: error })));
    stream.on('close', () => this.#end());
  }

  send(message: object): boolean {
    if (!this.#open) return false;
    this.#stream.write(`${JSON.stringify(message)}\n`);
    if (this.#stream.writableLength > this.#limits.pendingOutputBytes) {
      this.#fail(
        new AgentError('PEER_TOO_SLOW', `the peer left more than ${this.#limits.pendingOutputBytes} bytes unread`, {
          hint: 'attach again; events that were missed are sent again',
        }),
      );
      return false;
    }
    return true;
  }

  async next(what: string, timeoutMs: number): Promise<unknown> {
    const deadline = performance.now() + timeoutMs;
    while (this.#waiting.length === 0) {
      if (!this.#open) throw this.#reason ?? new AgentError('CHANNEL_LOST', `the channel ended before ${what}`);
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) throw new AgentError('CHANNEL_SILENT', `no ${what} within ${timeoutMs} ms`);
      await this.#somethingHappens(remainingMs);
    }
    const message = this.#waiting.shift();
    if (this.#waiting.length < waitingLimit) this.#stream.resume();
    return message;
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listener = listener;
    for (const message of this.#waiting.splice(0)) listener(message);
    this.#stream.resume();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stream.end(() => this.#end());
    // A peer that never reads or never closes its side must not keep us: what was flushed by then was flushed.
    setTimeout(() => this.#stream.destroy(), closeGraceMs).unref();
    this.#wake?.();
  }

  #onBytes(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1 && this.#open; end = chunk.indexOf(newline, start)) {
      this.#pieces.push(chunk.subarray(start, end));
      this.#piecesBytes += end - start;
      start = end + 1;
      if (this.#piecesBytes > this.#limits.lineBytes) break;
      const line = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#piecesBytes = 0;
      this.#onLine(line.toString('utf8'));
    }
    if (!this.#open) return;
    if (start < chunk.length) {
      this.#pieces.push(chunk.subarray(start));
      this.#piecesBytes += chunk.length - start;
    }
    if (this.#piecesBytes > this.#limits.lineBytes) this.#failTooLong();
  }

  #onLine(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch (error) {
      const shown = line.length > 80 ? `${line.slice(0, 80)}...` : line;
      this.#fail(
        new AgentError('BAD_LINE', `a line is not JSON: ${JSON.stringify(shown)}`, {
          cause: error,
          hint: 'something other than cxlpod writes to this channel, a login banner for example',
        }),
      );
      return;
    }
    if (this.#listener !== null) {
      this.#listener(message);
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length >= waitingLimit) this.#stream.pause();
    this.#wake?.();
  }

  #failTooLong(): void {
    this.#fail(new AgentError('LINE_TOO_LONG', `a line is longer than ${this.#limits.lineBytes} bytes`));
  }

  /** Tells the peer why, as far as it still listens, and ends the stream. */
  #fail(reason: AgentError): void {
    if (!this.#open) return;
    this.#reason = reason;
    if (reason.code !== 'CHANNEL_LOST' && reason.code !== 'PEER_TOO_SLOW') {
      this.#stream.write(
        `${JSON.stringify({ refused: { code: reason.code, message: reason.message, ...(reason.hint === undefined ? {} : { hint: reason.hint }) } })}\n`,
      );
    }
    if (reason.code === 'PEER_TOO_SLOW') this.#stream.destroy();
    this.close();
  }

  #end(): void {
    this.#open = false;
    this.#settleClosed(this.#reason);
    this.#wake?.();
  }

  #somethingHappens(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        this.#wake = null;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Messages kept for a consumer that is not there yet, before the stream is paused. */
const waitingLimit = 64;
const closeGraceMs = 2_000;
