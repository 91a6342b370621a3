/** QEMU's machine protocol: JSON lines over a unix socket. One connection a machine, kept open: QEMU serves one at a time. */
import { connect, type Socket } from 'node:net';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import { LineSplitter } from './line-splitter.ts';

export type QmpRunState = 'running' | 'paused' | 'shutdown' | 'guest-panicked' | 'prelaunch' | 'internal-error' | (string & {});

export interface QmpEvent {
  readonly event: string;
  readonly data?: unknown;
}

export interface Qmp {
  /** Any command: resolves with its `return`, rejects with `QMP_REFUSED` and QEMU's own words, or `QMP_LOST`. */
  execute(command: string, parameters?: object, timeoutMs?: number): Promise<unknown>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Only a request: QEMU's end is seen elsewhere. */
  quit(): Promise<void>;
  /** Plugs or unplugs the cable of the network device with this id. */
  setLink(device: string, up: boolean): Promise<void>;
  queryStatus(): Promise<QmpRunState>;
  queryVersion(): Promise<string>;
  onEvent(listener: (event: QmpEvent) => void): () => void;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

interface Greeting {
  readonly QMP: {
    readonly version: { readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number } };
  };
}

interface Waiting {
  readonly command: string;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const commandTimeoutMs = 10_000;
/** query-qmp-schema, the longest answer there is, has about 300 KiB. */
const lineLimitBytes = 4 * 1024 * 1024;

/** Connects, and leaves the state in which QEMU takes no command but `qmp_capabilities`. */
export async function connectQmp(path: string, timeoutMs: number = commandTimeoutMs): Promise<Qmp> {
  const qmp = new QmpConnection(path);
  try {
    await qmp.negotiate(timeoutMs);
    return qmp;
  } catch (error) {
    qmp.close();
    throw error;
  }
}

class QmpConnection implements Qmp {
  readonly closed: Promise<void>;
  readonly #path: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting: Promise<Greeting>;
  #greet: (greeting: Greeting) => void = () => {};
  #version = '';
  #nextId = 1;
  #lostBecause: Error | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#greeting = new Promise((resolve) => {
      this.#greet = resolve;
    });
    this.#socket = connect(path);
    const lines = new LineSplitter(lineLimitBytes, (line) => this.#onLine(line));
    this.#socket.on('data', (bytes) => {
      try {
        lines.push(bytes);
      } catch (error) {
        this.#socket.destroy(error as Error);
      }
    });
    this.#socket.on('error', (error) => {
      this.#lostBecause = error;
    });
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', () => {
        this.#rejectAll();
        resolve();
      });
    });
  }

  async negotiate(timeoutMs: number): Promise<void> {
    const greeting = await within(
      timeoutMs,
      () =>
        environmentError('QMP_SILENT', `QEMU did not greet on ${this.#path} within ${timeoutMs / 1000} s`, {
          hint: oneClientHint,
        }),
      Promise.race([this.#greeting, this.closed.then(() => Promise.reject(this.#lost('connect')))]),
    );
    const { major, minor, micro } = greeting.QMP.version.qemu;
    this.#version = `${major}.${minor}.${micro}`;
    await this.execute('qmp_capabilities', {}, timeoutMs);
  }

  execute(command: string, parameters: object = {}, timeoutMs: number = commandTimeoutMs): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(this.#lost(command));
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
    });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    const late = (): CxlpodError =>
      environmentError('QMP_SILENT', `QEMU did not answer ${command} within ${timeoutMs / 1000} s`, { hint: oneClientHint });
    return within(timeoutMs, late, answer).finally(() => this.#waiting.delete(id));
  }

  async pause(): Promise<void> {
    await this.execute('stop');
  }

  async resume(): Promise<void> {
    await this.execute('cont');
  }

  async quit(): Promise<void> {
    try {
      await this.execute('quit');
    } catch (error) {
      // QEMU may end before its answer is out; whoever asked watches the end itself.
      if (!(error instanceof CxlpodError && error.code === 'QMP_LOST')) throw error;
    }
  }

  async setLink(device: string, up: boolean): Promise<void> {
    await this.execute('set_link', { name: device, up });
  }

  async queryStatus(): Promise<QmpRunState> {
    return ((await this.execute('query-status')) as { status: QmpRunState }).status;
  }

  async queryVersion(): Promise<string> {
    return this.#version;
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onLine(line: string): void {
    const message = JSON.parse(line) as Record<string, unknown>;
    if ('QMP' in message) this.#greet(message as unknown as Greeting);
    else if ('event' in message) for (const listener of this.#listeners) listener(message as unknown as QmpEvent);
    else this.#onAnswer(message);
  }

  #onAnswer(message: Record<string, unknown>): void {
    const waiting = this.#waiting.get(message.id as number);
    // An answer whose deadline has passed has nobody waiting for it.
    if (waiting === undefined) return;
    if ('error' in message) {
      const { class: kind, desc } = message.error as { class: string; desc: string };
      waiting.reject(
        environmentError('QMP_REFUSED', `QEMU refused ${waiting.command}`, { cause: new Error(`${desc} (${kind})`) }),
      );
    } else {
      waiting.resolve(message.return);
    }
  }

  #rejectAll(): void {
    for (const waiting of this.#waiting.values()) waiting.reject(this.#lost(waiting.command));
    this.#waiting.clear();
  }

  #lost(command: string): CxlpodError {
    return environmentError('QMP_LOST', `the connection to QEMU ended (${command})`, {
      cause: this.#lostBecause ?? new Error(`${this.#path} was closed`),
    });
  }
}

const oneClientHint = 'QEMU serves one monitor connection at a time: is another cxlpod using this machine?';

async function within<T>(timeoutMs: number, late: () => Error, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
