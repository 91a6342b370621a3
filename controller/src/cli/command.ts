/**
 * What every verb is written with. A verb module exports `commands`: functions that add one verb each to the program.
 *
 *     export const commands: readonly Command[] = [(program, context) => {
 *       program.command('status').option('--json').action(context.action(async (options) => { ... return exitCodes.valid; }));
 *     }];
 *
 * Modules of verbs are loaded at every start, so they import whatever is heavy inside the action.
 */
import type { Command as Program } from 'commander';
import type { ExitCode } from '../errors/cxlpod-error.ts';

export type Command = (program: Program, context: CommandContext) => void;

export interface CommandContext {
  /** Aborted by the first SIGINT or SIGTERM, where a second one ends the process at once; by SIGHUP; when nobody reads the answer any more. */
  readonly signal: AbortSignal;
  /** Data, to standard output. */
  out(text: string): void;
  /** For people, to standard error; silent with --quiet. */
  say(text: string): void;
  readonly quiet: () => boolean;
  /**
   * Wraps an action: what it returns becomes the exit code (nothing means 0), what it throws is told in full on standard error,
   * and with `--json` as `{ error: { code, message, because, hint } }` on standard output too.
   */
  action<Arguments extends unknown[]>(
    run: (...args: Arguments) => Promise<ExitCode | number | undefined> | Promise<void>,
  ): (...args: Arguments) => Promise<void>;
}
