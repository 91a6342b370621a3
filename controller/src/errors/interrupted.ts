import { CxlpodError, exitCodes } from './cxlpod-error.ts';

/** The operator pressed Ctrl-C, asked by SIGTERM, or closed the terminal. */
export function interruptedError(what: string): CxlpodError {
  return new CxlpodError('INTERRUPTED', `${what} was interrupted`, { exitCode: exitCodes.interrupted });
}
