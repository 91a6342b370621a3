import { withTimeLeft } from './plan-time-left.ts';
import { showLines, silent } from './show-lines.ts';
import type { Plan, StepObserver } from './step.ts';

export interface ObserverOptions {
  readonly quiet: boolean;
  /** What is alike takes alike: how long it took is kept under this name, and the time left told by it. */
  readonly key?: string;
}

/** A tree on a terminal that wants one; else plain lines; nothing with `quiet`. Always on standard error: data has the other. */
export async function observerFor(plan: Plan, options: ObserverOptions): Promise<StepObserver> {
  const { key } = options;
  const [observer, everyMs] = await choose(plan, options);
  return key === undefined ? observer : withTimeLeft(plan, key, observer, { everyMs });
}

/** Lines stay, a tree is drawn over. */
const lineEveryMs = 10_000;
const drawEveryMs = 1_000;

async function choose(plan: Plan, options: ObserverOptions): Promise<readonly [StepObserver, number]> {
  if (options.quiet) return [silent, lineEveryMs];
  const { CI, NO_COLOR, TERM } = process.env;
  const plain = !process.stderr.isTTY || CI !== undefined || (NO_COLOR ?? '') !== '' || TERM === 'dumb';
  if (plain) return [showLines((line) => process.stderr.write(`${line}\n`)), lineEveryMs];
  const { showTree } = await import('./show-tree.ts');
  return [showTree(plan, process.stderr), drawEveryMs];
}
