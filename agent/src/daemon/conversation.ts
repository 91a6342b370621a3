import type { Duplex } from 'node:stream';
import { AgentError, toWireError } from '../protocol/agent-error.ts';
import { EventBacklog } from '../protocol/event-backlog.ts';
import { greetController } from '../protocol/handshake.ts';
import { type LineChannel, lineChannel } from '../protocol/line-channel.ts';
import { BadRequest, type Request, readRequest } from '../protocol/lines.ts';
import { type AgentEvent, type AgentHello, type AnswerLine, answerBacklog } from '../protocol/messages.ts';

type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/**
 * How many controllers an agent remembers. Several at once are usual: one runs a scenario, others ask for the status meanwhile; and
 * each must find its answers when it comes back.
 */
const sessionLimit = 16;

/**
 * The agent's side of the conversation with its controllers, each over one channel at a time. Events and answers that a lost
 * channel swallowed are sent again on the next one of the same controller.
 */
export class Conversation {
  readonly #hello: AgentHello;
  readonly #perform: (request: Request) => Promise<unknown>;
  readonly #log: Log;
  readonly #events = new EventBacklog();
  /** The one that attached or went away last comes last. */
  readonly #sessions = new Map<string, Session>();

  constructor(hello: AgentHello, perform: (request: Request) => Promise<unknown>, log: Log) {
    this.#hello = hello;
    this.#perform = perform;
    this.#log = log;
  }

  emit(body: AgentEvent): void {
    const line = this.#events.append(body);
    for (const { channel } of this.#sessions.values()) channel?.send(line);
  }

  /** Serves one channel until it ends. Never rejects. */
  async attach(stream: Duplex): Promise<void> {
    const channel = lineChannel(stream);
    let session: Session | null = null;
    let name = '';
    try {
      const hello = await greetController(channel, this.#hello);
      this.#log('info', `controller ${hello.session} attached, seen events up to ${hello.lastEvent}`);
      const own = this.#sessionOf(hello.session, channel);
      name = hello.session;
      session = own;
      for (const line of this.#events.after(hello.lastEvent)) channel.send(line);
      channel.onMessage((message) => this.#receive(message, own, channel));
      const reason = await channel.closed;
      this.#log('info', `channel of ${hello.session} ended${reason === null ? '' : `: ${reason.code} ${reason.message}`}`);
    } catch (error) {
      const { code, message, cause } = toWireError(error);
      this.#log('warn', `channel refused: ${code} ${message}${cause === undefined ? '' : ` (${cause})`}`);
    } finally {
      channel.close();
      if (session?.channel === channel) {
        session.channel = null;
        this.#sessions.delete(name);
        this.#sessions.set(name, session);
      }
    }
  }

  /** Resolves when what was sent is out, or the peer was given up. */
  async close(): Promise<void> {
    const channels = [...this.#sessions.values()].flatMap(({ channel }) => (channel === null ? [] : [channel]));
    for (const channel of channels) channel.close();
    await Promise.all(channels.map((channel) => channel.closed));
  }

  /** The memory of this controller, now with this channel. */
  #sessionOf(name: string, channel: LineChannel): Session {
    const session = this.#sessions.get(name) ?? new Session();
    displace(session, 'the same controller attached again');
    session.channel = channel;
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    if (this.#sessions.size > sessionLimit) this.#forgetOne();
    return session;
  }

  /**
   * Whoever is away longest and waits for nothing, at first of those who only looked: of a controller that was killed, another one may still
   * ask what came of its work. Or whoever is away longest; among those who are all there, the one who came first.
   */
  #forgetOne(): void {
    const entries = [...this.#sessions];
    const away = entries.filter(([, each]) => each.channel === null);
    const idle = away.filter(([, each]) => each.isIdle);
    const [name, session] = idle.find(([, each]) => !each.keepsWork) ?? idle[0] ?? away[0] ?? entries[0]!;
    displace(session, `more than ${sessionLimit} controllers are attached`);
    this.#sessions.delete(name);
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
    session.keepsWork ||= request.request !== 'status';
    try {
      line = { id: request.id, result: (await this.#perform(request)) ?? null };
    } catch (error) {
      line = { id: request.id, error: toWireError(error) };
    }
    session.ended(line);
    session.channel?.send(line);
  }
}

function displace(session: Session, cause: string): void {
  session.channel?.send({ refused: toWireError(new AgentError('DISPLACED', 'this channel is no longer served', { cause })) });
  session.channel?.close();
  session.channel = null;
}

/** What one controller asked for, across its channels: so that a request sent again is answered again, not done again. */
class Session {
  channel: LineChannel | null = null;
  /** It asked for more than the status. */
  keepsWork = false;
  readonly #running = new Set<number>();
  readonly #answers = new Map<number, AnswerLine>();
  #highestId = -1;

  /** Nothing that it asked for is still being done. */
  get isIdle(): boolean {
    return this.#running.size === 0;
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
