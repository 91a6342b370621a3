import type { Duplex } from 'node:stream';
import { AgentError, toWireError } from '../protocol/agent-error.ts';
import { EventBacklog } from '../protocol/event-backlog.ts';
import { greetController } from '../protocol/handshake.ts';
import { type LineChannel, lineChannel } from '../protocol/line-channel.ts';
import { BadRequest, type Request, readRequest } from '../protocol/lines.ts';
import { type AgentEvent, type AgentHello, type AnswerLine, answerBacklog } from '../protocol/messages.ts';

type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/**
 * The agent's side of the conversation, over any number of channels, one at a time: the newest controller wins. Events and
 * answers that a lost channel swallowed are sent again on the next one.
 */
export class Conversation {
  readonly #hello: AgentHello;
  readonly #perform: (request: Request) => Promise<unknown>;
  readonly #log: Log;
  readonly #events = new EventBacklog();
  #channel: LineChannel | null = null;
  #session: Session | null = null;

  constructor(hello: AgentHello, perform: (request: Request) => Promise<unknown>, log: Log) {
    this.#hello = hello;
    this.#perform = perform;
    this.#log = log;
  }

  emit(body: AgentEvent): void {
    const line = this.#events.append(body);
    this.#channel?.send(line);
  }

  /** Serves one channel until it ends. Never rejects. */
  async attach(stream: Duplex): Promise<void> {
    const channel = lineChannel(stream);
    try {
      const hello = await greetController(channel, this.#hello);
      this.#log('info', `controller ${hello.session} attached, seen events up to ${hello.lastEvent}`);
      this.#replaceChannel(channel);
      if (this.#session?.name !== hello.session) this.#session = new Session(hello.session);
      const session = this.#session;
      for (const line of this.#events.after(hello.lastEvent)) channel.send(line);
      channel.onMessage((message) => this.#receive(message, session, channel));
      const reason = await channel.closed;
      this.#log('info', `channel of ${hello.session} ended${reason === null ? '' : `: ${reason.code} ${reason.message}`}`);
    } catch (error) {
      const { code, message, cause } = toWireError(error);
      this.#log('warn', `channel refused: ${code} ${message}${cause === undefined ? '' : ` (${cause})`}`);
    } finally {
      channel.close();
      if (this.#channel === channel) this.#channel = null;
    }
  }

  /** Resolves when what was sent is out, or the peer was given up. */
  async close(): Promise<void> {
    const channel = this.#channel;
    this.#channel = null;
    channel?.close();
    await channel?.closed;
  }

  #replaceChannel(channel: LineChannel): void {
    this.#channel?.send({
      refused: toWireError(
        new AgentError('DISPLACED', 'a newer controller took over this agent', { hint: 'use one controller at a time' }),
      ),
    });
    this.#channel?.close();
    this.#channel = channel;
  }

  #receive(message: unknown, session: Session, channel: LineChannel): void {
    let request: Request;
    try {
      request = readRequest(message);
    } catch (error) {
      const id = error instanceof BadRequest ? error.requestId : null;
      channel.send(id === null ? { refused: toWireError(error) } : { id, error: toWireError(error) });
      if (id === null) channel.close();
      return;
    }
    const earlier = session.earlier(request.id);
    if (earlier === 'unknown') void this.#answer(request, session);
    else if (earlier !== 'running') channel.send(earlier);
  }

  async #answer(request: Request, session: Session): Promise<void> {
    let line: AnswerLine;
    session.started(request.id);
    try {
      line = { id: request.id, result: (await this.#perform(request)) ?? null };
    } catch (error) {
      line = { id: request.id, error: toWireError(error) };
    }
    session.ended(line);
    if (this.#session === session) this.#channel?.send(line);
  }
}

/** What one controller asked for, across its channels: so that a request sent again is answered again, not done again. */
class Session {
  readonly name: string;
  readonly #running = new Set<number>();
  readonly #answers = new Map<number, AnswerLine>();
  #highestId = -1;

  constructor(name: string) {
    this.name = name;
  }

  earlier(id: number): 'unknown' | 'running' | AnswerLine {
    const answer = this.#answers.get(id);
    if (answer !== undefined) return answer;
    if (this.#running.has(id)) return 'running';
    if (id > this.#highestId) return 'unknown';
    const error = new AgentError('ANSWER_FORGOTTEN', `the answer to request ${id} is no longer kept`, {
      cause: `only the last ${answerBacklog} answers are`,
    });
    return { id, error: toWireError(error) };
  }

  started(id: number): void {
    this.#highestId = Math.max(this.#highestId, id);
    this.#running.add(id);
  }

  ended(line: AnswerLine): void {
    this.#running.delete(line.id);
    this.#answers.set(line.id, line);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > answerBacklog && oldest !== undefined) this.#answers.delete(oldest);
  }
}
