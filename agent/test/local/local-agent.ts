/** A real agent on this host, as a controller sees it: its processes, its socket, and a channel to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { layoutHash } from '../../src/layout/index.ts';
import {
  type AgentEvent,
  type AgentHello,
  fromWireError,
  greetAgent,
  type LineChannel,
  lineChannel,
  type RequestName,
  type Requests,
  readAgentLine,
} from '../../src/protocol/index.ts';
import { until } from './until.ts';

export interface LocalAgent {
  readonly process: ChildProcess;
  readonly socketPath: string;
  readonly logFile: string;
  readonly folder: string;
  log(): string;
}

/** Starts `agent.mjs` of `bundle` and waits until it answers. */
export async function startAgent(options: {
  readonly bundle: string;
  readonly folder: string;
  readonly machine: string;
  readonly cgroup?: string;
}): Promise<LocalAgent> {
  const { bundle, folder, machine, cgroup } = options;
  const socketPath = join(folder, `${machine}.sock`);
  const logFile = join(folder, `${machine}.log`);
  const process = spawnAgent(bundle, [
    ...['--socket', socketPath, '--folder', bundle, '--log', logFile, '--machine', machine],
    ...(cgroup === undefined ? [] : ['--cgroup', cgroup]),
  ]);
  const agent = { process, socketPath, logFile, folder, log: () => readFileSync(logFile, 'utf8') };
  await until(`${machine} answers`, async () => {
    if (process.exitCode !== null || process.signalCode !== null) throw new Error(`the agent ended: ${agent.log()}`);
    const controller = await TestController.attach(agent).catch(() => null);
    controller?.close();
    return controller !== null;
  });
  return agent;
}

export function spawnAgent(bundle: string, argv: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(bundle, 'agent.mjs'), ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** SIGTERM, and wait for the end. */
export async function endAgent(agent: LocalAgent): Promise<number | null> {
  const { process } = agent;
  if (process.exitCode === null && process.signalCode === null) {
    process.kill('SIGTERM');
    await once(process, 'exit');
  }
  return process.exitCode;
}

/** A controller that does what it is told and nothing by itself: no attaching again, no sending again. */
export class TestController {
  readonly hello: AgentHello;
  readonly session: string;
  readonly channel: LineChannel;
  /** Every event that came, with its number. */
  readonly events: { readonly number: number; readonly body: AgentEvent }[] = [];
  /** What the agent said before it closed the channel. */
  refusal: string | null = null;
  readonly #answers = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #nextId: number;

  static async attach(
    agent: LocalAgent,
    options: { readonly session?: string; readonly lastEvent?: number; readonly nextId?: number; readonly layout?: string } = {},
  ): Promise<TestController> {
    const socket = connect(agent.socketPath);
    await once(socket, 'connect');
    const channel = lineChannel(socket);
    const session = options.session ?? `test-${Math.random().toString(36).slice(2)}`;
    const hello = await greetAgent(channel, {
      layout: options.layout ?? layoutHash,
      session,
      lastEventOf: () => options.lastEvent ?? 0,
    });
    return new TestController(channel, hello, session, options.nextId ?? 1);
  }

  private constructor(channel: LineChannel, hello: AgentHello, session: string, nextId: number) {
    this.channel = channel;
    this.hello = hello;
    this.session = session;
    this.#nextId = nextId;
    channel.onMessage((message) => this.#receive(message));
    void channel.closed.then((reason) => {
      for (const { reject } of this.#answers.values()) reject(reason ?? new Error('the channel was closed'));
    });
  }

  request<Name extends RequestName>(
    name: Name,
    parameters: Requests[Name]['parameters'],
    id: number = this.#nextId++,
  ): Promise<Requests[Name]['result']> {
    this.#nextId = Math.max(this.#nextId, id + 1);
    const answer = new Promise<unknown>((resolve, reject) => this.#answers.set(id, { resolve, reject }));
    this.channel.send({ id, request: name, parameters });
    return answer as Promise<Requests[Name]['result']>;
  }

  /** The first event of this kind, also one that came before. */
  async event<Name extends AgentEvent['event']>(
    name: Name,
    matches: (event: Extract<AgentEvent, { event: Name }>) => boolean = () => true,
  ): Promise<Extract<AgentEvent, { event: Name }>> {
    const found = () =>
      this.events
        .map(({ body }) => body)
        .find((body): body is Extract<AgentEvent, { event: Name }> => body.event === name && matches(body as never));
    await until(`event ${name}`, () => found() !== undefined);
    return found()!;
  }

  close(): void {
    this.channel.close();
  }

  #receive(message: unknown): void {
    const read = readAgentLine(message);
    if (read.kind === 'event') this.events.push({ number: read.line.event, body: read.line.body });
    else if (read.kind === 'refused') this.refusal = read.error.code;
    else {
      const answer = this.#answers.get(read.line.id);
      this.#answers.delete(read.line.id);
      if ('error' in read.line) answer?.reject(fromWireError(read.line.error));
      else answer?.resolve(read.line.result);
    }
  }
}
