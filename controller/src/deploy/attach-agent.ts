/**
 * Speaks with one agent over channels that may be lost. A request that was under way when a channel ended is sent again over the
 * next one; the agent knows it by session and id, and never runs it twice.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AgentEvent,
  type AgentHello,
  type AnswerLine,
  type EventLine,
  fromWireError,
  greetAgent,
  type LineChannel,
  lineChannel,
  type RequestLine,
  type RequestName,
  type Requests,
  readAgentLine,
} from '@cxlpod/agent/protocol';
import { type CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import { interruptedError } from '../errors/interrupted.ts';
import type { AgentConnection, RequestOptions, SentRequest } from './agent-connection.ts';
import { fromAgentError, isFinal } from './agent-error.ts';

export interface AttachOptions {
  readonly machine: string;
  /** Opens a new byte stream to the agent's socket. A CxlpodError that it throws is final: no use in trying again. */
  connect(signal: AbortSignal): Promise<Duplex>;
  readonly layout: string;
  /** How long to try before the first channel stands. */
  readonly attachWithinMs: number;
  /** How long a lost channel may stay lost. */
  readonly reattachWithinMs?: number;
  readonly signal?: AbortSignal;
  /** As a listener that is there before the first channel. */
  readonly onEvent?: (event: AgentEvent) => void;
  /** Goes on in the place of a controller that is gone: in its session, whose answers the agent still has. What it was not told, in order. */
  readonly resume?: readonly SentRequest[];
}

const defaultReattachWithinMs = 60_000;
const defaultRequestTimeoutMs = 30_000;
/** What an answer may take beyond the work it reports. */
const answerMarginMs = 10_000;
const greetTimeoutMs = 10_000;
const retryAfterMs = 25;
/**
 * More requests than a controller makes in a millisecond: whoever goes on in its place begins with an id above all that were used, also by one
 * that came between and of whose requests nobody knows. The agent would answer a used one as it did then.
 */
const idsPerMs = 4_096;

export async function attachAgent(options: AttachOptions): Promise<AgentConnection> {
  const connection = new AttachedAgent(options);
  await connection.attachFirst();
  return connection;
}

interface Pending {
  readonly line: RequestLine;
  resolve(result: unknown): void;
  reject(error: CxlpodError): void;
}

class AttachedAgent implements AgentConnection {
  readonly #options: AttachOptions;
  readonly #session: string;
  /** By id. */
  readonly #resumed = new Map<number, Promise<unknown>>();
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: AgentEvent) => void>();
  readonly #ending = new AbortController();
  #hello: AgentHello | null = null;
  #channel: LineChannel | null = null;
  #lastEvent = 0;
  #nextId = 1;
  #reattachCount = 0;
  /** Why there will never be a channel again. */
  #lostBecause: CxlpodError | null = null;

  constructor(options: AttachOptions) {
    this.#options = options;
    const last = options.resume?.at(-1);
    this.#session = last?.session ?? randomBytes(8).toString('hex');
    if (last !== undefined) this.#nextId = Math.max(Date.now() * idsPerMs, last.line.id + 1);
    for (const { session, line } of options.resume ?? []) if (session === this.#session) this.#resume(line);
    if (options.onEvent !== undefined) this.#listeners.add(options.onEvent);
    setMaxListeners(0, this.#ending.signal);
  }

  get machine(): string {
    return this.#options.machine;
  }

  get hello(): AgentHello {
    return this.#hello!;
  }

  get reattachCount(): number {
    return this.#reattachCount;
  }

  async attachFirst(): Promise<void> {
    const { signal, attachWithinMs } = this.#options;
    const stop = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    await this.#attachWithin(attachWithinMs, stop);
    // The agent first repeats the events that earlier controllers saw; its answer comes after them all, and nobody listens yet.
    await this.request('status', {}, signal === undefined ? {} : { signal });
  }

  /** Until it is asked for by `resumed`, which may be never, nobody minds that it fails. */
  #resume(line: RequestLine): void {
    const answer = new Promise<unknown>((resolve, reject) => {
      const settle = (how: () => void): void => {
        this.#pending.delete(line.id);
        how();
      };
      this.#pending.set(line.id, {
        line,
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      });
    });
    answer.catch(() => {});
    this.#resumed.set(line.id, answer);
  }

  async resumed({ session, line }: SentRequest, timeoutMs: number): Promise<unknown> {
    const answer = session === this.#session ? this.#resumed.get(line.id) : undefined;
    if (answer === undefined) throw this.#replaced();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#late(line.request, timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  request<Name extends RequestName>(
    name: Name,
    parameters: Requests[Name]['parameters'],
    options: RequestOptions = {},
  ): Promise<Requests[Name]['result']> {
    const { timeoutMs = defaultTimeoutOf(parameters), signal, onSend } = options;
    if (this.#lostBecause !== null) return Promise.reject(this.#lostBecause);
    if (signal?.aborted === true) return Promise.reject(interruptedError(`${name} on ${this.machine}`));
    const line: RequestLine = { id: this.#nextId++, request: name, parameters };
    onSend?.({ session: this.#session, instance: this.hello.instance, line });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(this.#late(name, timeoutMs))), timeoutMs);
      const onAbort = (): void => settle(() => reject(interruptedError(`${name} on ${this.machine}`)));
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(line.id);
        how();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(line.id, {
        line,
        resolve: (result) => settle(() => resolve(result as Requests[Name]['result'])),
        reject: (error) => settle(() => reject(error)),
      });
      this.#channel?.send(line);
    });
  }

  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#end(environmentError('CHANNEL_CLOSED', `the connection to the agent of ${this.machine} was closed`));
    const channel = this.#channel;
    this.#channel = null;
    channel?.close();
    await channel?.closed;
  }

  async #attachWithin(limitMs: number, signal: AbortSignal): Promise<void> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      if (signal.aborted) throw interruptedError(`attaching to the agent of ${this.machine}`);
      try {
        return await this.#attachOnce(signal);
      } catch (error) {
        if (signal.aborted) throw interruptedError(`attaching to the agent of ${this.machine}`);
        if (isFinal(error)) throw fromAgentError(this.machine, error);
        if (performance.now() >= endMs) throw this.#unreachable(limitMs, error);
      }
      await delay(retryAfterMs, undefined, { signal }).catch(() => {});
    }
  }

  async #attachOnce(signal: AbortSignal): Promise<void> {
    const channel = lineChannel(await this.#options.connect(signal));
    const hello = await greetAgent(
      channel,
      { layout: this.#options.layout, session: this.#session, lastEventOf: () => this.#lastEvent },
      greetTimeoutMs,
    );
    if (this.#hello !== null && hello.instance !== this.#hello.instance) {
      channel.close();
      throw this.#end(this.#replaced());
    }
    if (this.#hello === null) this.#forgetOthers(hello.instance);
    this.#hello = hello;
    this.#channel = channel;
    channel.onMessage((message) => this.#onMessage(message));
    for (const { line } of this.#pending.values()) channel.send(line);
    void channel.closed.then((reason) => this.#onLost(reason));
  }

  /** What another agent of this machine was asked is not asked again of this one: it knows nothing of it, and would do it. */
  #forgetOthers(instance: string): void {
    for (const { session, instance: asked, line } of this.#options.resume ?? []) {
      if (session === this.#session && asked !== instance) this.#pending.get(line.id)?.reject(this.#replaced());
    }
  }

  #onMessage(message: unknown): void {
    try {
      const read = readAgentLine(message);
      if (read.kind === 'event') this.#onEventLine(read.line);
      else if (read.kind === 'answer') this.#onAnswer(read.line);
      else throw fromWireError(read.error);
    } catch (error) {
      if (isFinal(error)) this.#end(fromAgentError(this.machine, error));
      // The agent refuses this channel or speaks nonsense on it; else a new channel is the way on, within its limit.
      this.#tell({ event: 'log', level: 'error', message: fromAgentError(this.machine, error).message });
      this.#channel?.close();
    }
  }

  #onAnswer(line: AnswerLine): void {
    const pending = this.#pending.get(line.id);
    if (pending === undefined) return;
    if ('error' in line) pending.reject(fromAgentError(this.machine, fromWireError(line.error)));
    else pending.resolve(line.result);
  }

  #onEventLine({ event, body }: EventLine): void {
    const missed = event - this.#lastEvent - 1;
    this.#lastEvent = event;
    if (missed > 0) this.#tell({ event: 'log', level: 'error', message: `${missed} events of ${this.machine} were lost` });
    this.#tell(body);
  }

  #tell(event: AgentEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #onLost(reason: Error | null): void {
    this.#channel = null;
    if (this.#ending.signal.aborted) return;
    const limitMs = this.#options.reattachWithinMs ?? defaultReattachWithinMs;
    this.#attachWithin(limitMs, this.#ending.signal).then(
      () => {
        this.#reattachCount++;
      },
      (error: CxlpodError) => {
        if (!this.#ending.signal.aborted) this.#end(reason === null ? error : withFirstCause(error, reason));
      },
    );
  }

  #end(reason: CxlpodError): CxlpodError {
    this.#lostBecause ??= reason;
    this.#ending.abort();
    for (const pending of [...this.#pending.values()]) pending.reject(this.#lostBecause);
    return this.#lostBecause;
  }

  #late(name: RequestName, timeoutMs: number): CxlpodError {
    const where = this.#channel === null ? ' (the channel is lost at the moment)' : '';
    return environmentError(
      'AGENT_SILENT',
      `the agent of ${this.machine} did not answer ${name} within ${timeoutMs / 1000} s${where}`,
      {
        hint: `cxlpod logs ${this.machine}; one whose pool a program has overwritten never answers: cxlpod down, then cxlpod up`,
      },
    );
  }

  #unreachable(limitMs: number, cause: unknown): CxlpodError {
    const what = this.#hello === null ? 'could not be reached' : 'was lost and could not be attached again';
    return environmentError('CHANNEL_LOST', `the agent of ${this.machine} ${what} within ${limitMs / 1000} s`, {
      cause,
      hint: `cxlpod logs ${this.machine}`,
    });
  }

  #replaced(): CxlpodError {
    return environmentError('AGENT_REPLACED', `the agent of ${this.machine} has ended, and another one answers in its place`, {
      hint: `cxlpod logs ${this.machine}`,
    });
  }
}

function defaultTimeoutOf(parameters: object): number {
  const { deadlineMs, timeoutMs } = parameters as { deadlineMs?: number; timeoutMs?: number };
  const work = deadlineMs ?? timeoutMs;
  return work === undefined ? defaultRequestTimeoutMs : work + answerMarginMs;
}

function withFirstCause(error: CxlpodError, cause: Error): CxlpodError {
  return environmentError(error.code, error.message, { cause, ...(error.hint === undefined ? {} : { hint: error.hint }) });
}
