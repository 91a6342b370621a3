/** A failure as it travels in an answer or a refusal: what failed, because of what, what to try, and a stable code. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly cause?: string;
  readonly hint?: string;
}

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/**
 * Any thrown value as an answer can carry it. An error that tells a code and a hint is an expected refusal, of whatever part;
 * any other is `INTERNAL`: a bug of ours, stack included.
 */
export function toWireError(thrown: unknown): WireError {
  const cause = thrown instanceof Error ? describeCauses(thrown.cause) : undefined;
  if (isRefusal(thrown)) {
    return {
      code: thrown.code,
      message: thrown.message,
      ...(cause === undefined ? {} : { cause }),
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return { code: 'INTERNAL', message, ...(stack === undefined ? {} : { cause: stack }) };
}

function isRefusal(thrown: unknown): thrown is Error & { readonly code: string; readonly hint: string | undefined } {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' && 'hint' in thrown;
}

export function fromWireError(wire: WireError): AgentError {
  return new AgentError(wire.code, wire.message, { cause: wire.cause, hint: wire.hint });
}

/** For a log: the three lines an operator reads. */
export function describeError(thrown: unknown): string {
  const wire = toWireError(thrown);
  const lines = [`error: ${wire.message} (${wire.code})`];
  if (wire.cause !== undefined) lines.push(`  because: ${wire.cause}`);
  if (wire.hint !== undefined) lines.push(`  try: ${wire.hint}`);
  return lines.join('\n');
}

/** The chain of causes in one sentence; bounded, since a cause may refer to itself. */
function describeCauses(cause: unknown): string | undefined {
  const messages: string[] = [];
  for (let depth = 0; cause !== undefined && cause !== null && depth < 5; depth++) {
    messages.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages.length === 0 ? undefined : messages.join(': ');
}
