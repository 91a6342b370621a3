/**
 * What every failure of the controller is told as: what failed (`message`), because of what (`cause`), what to try (`hint`), and
 * the exit code. Printed by `formatError` as
 *
 *     error: vm1 did not answer ssh within 60 s
 *       because: connect ECONNREFUSED
 *       try: read .runs/latest/machines/vm1/console.log
 */
export class CxlpodError extends Error {
  override readonly name = 'CxlpodError';
  /** Stable, SCREAMING_SNAKE; users and tests match on it, never on the message. */
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string; exitCode: ExitCode }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

/** design.md §5. */
export const exitCodes = {
  valid: 0,
  invalid: 1,
  usage: 2,
  environment: 3,
  unknown: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The configuration or the command line is wrong; nothing was started. */
export function usageError(code: string, message: string, options: { cause?: unknown; hint?: string } = {}): CxlpodError {
  return new CxlpodError(code, message, { ...options, exitCode: exitCodes.usage });
}

/** Docker, QEMU, the guest or the harness itself failed. */
export function environmentError(code: string, message: string, options: { cause?: unknown; hint?: string } = {}): CxlpodError {
  return new CxlpodError(code, message, { ...options, exitCode: exitCodes.environment });
}

/** The operator's view of any thrown value. */
export function formatError(thrown: unknown): string {
  const lines = [`error: ${messageOf(thrown)}`];
  let cause = thrown instanceof Error ? thrown.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < 5; depth++) {
    lines.push(`  because: ${messageOf(cause)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  if (thrown instanceof CxlpodError && thrown.hint !== undefined) lines.push(`  try: ${thrown.hint}`);
  return lines.join('\n');
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
