/** The controller's end of the conversation with one agent. */
import type { AgentEvent, AgentHello, RequestName, Requests } from '@cxlpod/agent/protocol';

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
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Requests[Name]['result']>;
  /** Every event once and in order, also across a re-attach. Returns the function that unsubscribes. */
  onEvent(listener: (event: AgentEvent) => void): () => void;
  /** How often the channel was lost and attached again. */
  readonly reattachCount: number;
  close(): Promise<void>;
}
