/** The controller's end of the conversation with one agent. */
import type { AgentEvent, AgentHello, RequestLine, RequestName, Requests } from '@cxlpod/agent/protocol';

/** A request as the agent knows it: by session and id, for good. */
export interface SentRequest {
  readonly session: string;
  /** Of the agent. */
  readonly instance: string;
  readonly line: RequestLine;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called with the request before it is sent. */
  readonly onSend?: (request: SentRequest) => void;
}

export interface AgentConnection {
  readonly machine: string;
  readonly hello: AgentHello;
  /**
   * Sends one request and resolves with its result.
   * Rejects with a CxlpodError: the agent's own error, a deadline, or `CHANNEL_LOST` when the channel ended and could not be
   * attached again within its limit. A lost channel is a suspicion, never a death.
   */
  request<Name extends RequestName>(
    name: Name,
    parameters: Requests[Name]['parameters'],
    options?: RequestOptions,
  ): Promise<Requests[Name]['result']>;
  /** What came of a request of the controller in whose place this one is; `AGENT_REPLACED` where another agent was asked. */
  resumed(asked: SentRequest, timeoutMs: number): Promise<unknown>;
  /** Every event once and in order, also across a re-attach. Returns the function that unsubscribes. */
  onEvent(listener: (event: AgentEvent) => void): () => void;
  /** How often the channel was lost and attached again. */
  readonly reattachCount: number;
  close(): Promise<void>;
}
