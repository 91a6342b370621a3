import { showLines, silent } from './show-lines.ts';
import type { Plan, StepObserver } from './step.ts';

/** A tree on a terminal that wants one; else plain lines; nothing with `quiet`. Always on standard error: data has the other. */
export async function observerFor(plan: Plan, options: { quiet: boolean }): Promise<StepObserver> {
  if (options.quiet) return silent;
  const { CI, NO_COLOR, TERM } = process.env;
  const plain = !process.stderr.isTTY || CI !== undefined || (NO_COLOR ?? '') !== '' || TERM === 'dumb';
  if (plain) return showLines((line) => process.stderr.write(`${line}\n`));
  const { showTree } = await import('./show-tree.ts');
  return showTree(plan, process.stderr);
}
