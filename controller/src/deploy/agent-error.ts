import { AgentError } from '@cxlpod/agent/protocol';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';

/** What an agent answered, as the operator's error: same code and words, told as this machine's. */
export function fromAgentError(machine: string, thrown: unknown): CxlpodError {
  if (thrown instanceof CxlpodError) return thrown;
  if (!(thrown instanceof AgentError))
    return environmentError('AGENT_FAILED', `${machine}: ${String(thrown)}`, { cause: thrown });
  const { code, message, cause, hint } = thrown;
  return environmentError(code, `${machine}: ${message}`, {
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? cause : new Error(String(cause)) }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `DISPLACED`: the agent serves more controllers than it remembers, and this one went first. */
const finalCodes: readonly string[] = ['PROTOCOL_MISMATCH', 'LAYOUT_MISMATCH', 'BAD_HELLO', 'DISPLACED'];

/** Attaching again cannot help: the other side is of another build, or it is known that there is none any more. */
export function isFinal(error: unknown): boolean {
  if (error instanceof CxlpodError) return true;
  return error instanceof AgentError && finalCodes.includes(error.code);
}
