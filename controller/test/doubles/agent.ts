/** An agent that starts workers that are no processes, and gives every task the same answer. */
import type { AgentEvent, AgentHello, RequestLine, RequestName, Requests, WorkerExit } from '@cxlpod/agent/protocol';
import type { AgentConnection, RequestOptions, SentRequest } from '../../src/deploy/agent-connection.ts';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import type { Hand } from '../../src/runs/crew/hand.ts';

export class AgentDouble implements AgentConnection {
  readonly machine: string;
  readonly hello = {} as AgentHello;
  readonly reattachCount = 0;
  /** What it was asked, in order. */
  readonly asked: RequestLine[] = [];
  /** Of every task. */
  readonly answer = { double: true };
  /** False: nothing reaches it. */
  sends = true;
  #pid = 100;
  readonly #listeners = new Set<(event: AgentEvent) => void>();

  constructor(machine: string) {
    this.machine = machine;
  }

  async request<Name extends RequestName>(
    request: Name,
    parameters: Requests[Name]['parameters'],
    { onSend }: RequestOptions = {},
  ): Promise<Requests[Name]['result']> {
    if (!this.sends) throw environmentError('CHANNEL_LOST', `nothing reaches ${this.machine}`);
    const line: RequestLine = { id: this.asked.length + 1, request, parameters };
    this.asked.push(line);
    onSend?.({ session: 'double', instance: 'double', line });
    const result = request === 'startWorker' ? this.#started() : this.answer;
    return result as unknown as Requests[Name]['result'];
  }

  async resumed({ line }: SentRequest): Promise<unknown> {
    throw environmentError('AGENT_REPLACED', `nobody asked the agent of ${this.machine} for ${line.request} ${line.id}`);
  }

  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A worker is seen to die. */
  end({ post, pid }: Hand): void {
    const exit: WorkerExit = { worker: post.worker, pid, exitCode: null, signal: 'SIGKILL', fenced: null, atNs: 1 };
    for (const listener of this.#listeners) listener({ event: 'worker-exited', ...exit });
  }

  async close(): Promise<void> {}

  #started(): Requests['startWorker']['result'] {
    const pid = ++this.#pid;
    return { pid, client: { id: pid, incarnation: 1 } };
  }
}
