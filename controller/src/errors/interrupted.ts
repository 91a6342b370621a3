import { CxlpodError, exitCodes } from './cxlpod-error.ts';

/** The operator pressed Ctrl-C, or asked by SIGTERM. */
export function interruptedError(what: string): CxlpodError {
  return new CxlpodError('INTERRUPTED', `${what} was interrupted`, { exitCode: exitCodes.interrupted });
}
