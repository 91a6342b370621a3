/** `cxlpod bench`: measures, prints, keeps. Exits 1 when a bar that was measured does not hold. */
import type { CommandContext } from '../cli/command.ts';
import { showDuration } from '../cli/time-left.ts';
import { CxlpodError, exitCodes, formatError, usageError } from '../errors/cxlpod-error.ts';
import { nearest } from '../errors/nearest.ts';
import { howLong, noteHowLong } from '../steps/took.ts';
import { type BenchFigure, type BenchItem, figure } from './bench-item.ts';
import { benchFile, merged, readBenchList, withoutFailure, writeBenchList } from './bench-list.ts';
import { benchItems } from './index.ts';
import { printBench, printBenchMarkdown } from './print-bench.ts';

interface Options {
  readonly only: string | undefined;
  readonly runs: string;
  readonly json: boolean;
}

export async function benchCommand({ only, runs, json }: Options, context: CommandContext): Promise<number> {
  const measured: BenchFigure[] = [];
  const items = chooseItems(only);
  for (const [done, item] of items.entries()) {
    context.say(`bench ${done + 1} of ${items.length}: ${item.sentence} (${timeLeftOf(items.slice(done))})`);
    measured.push(...(await measureItem(item, runs, context)));
    // Kept after each item: a later one may be interrupted.
    writeBenchList(runs, merged(withoutFailure(readBenchList(runs), failureName(item)), measured));
  }
  context.out(json ? JSON.stringify(measured, null, 2) : printBench(measured));
  context.say(`\nkept in ${benchFile(runs)}`);
  return measured.some(({ holds }) => holds === false) ? exitCodes.invalid : exitCodes.valid;
}

export function printKept(runs: string, json: boolean, context: CommandContext): number {
  const figures = readBenchList(runs);
  context.out(json ? JSON.stringify(figures, null, 2) : printBenchMarkdown(figures));
  return exitCodes.valid;
}

/** Without names, all but those that take minutes. */
export function chooseItems(only: string | undefined): BenchItem[] {
  if (only === undefined) return benchItems.filter(({ onlyWhenNamed }) => !onlyWhenNamed);
  const known = benchNames();
  const wanted = only.split(',').map((name) => name.trim());
  for (const name of wanted) {
    if (known.includes(name)) continue;
    const suggestion = nearest(name, known);
    throw usageError('NO_SUCH_FIGURE', `there is no figure ${JSON.stringify(name)}`, {
      hint: suggestion === null ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`,
    });
  }
  return benchItems.filter((item) => calledBy(item).some((name) => wanted.includes(name)));
}

/** Items are too unlike for one to say anything of another. */
export function timeLeftOf(items: readonly BenchItem[]): string {
  const known = items.flatMap((item) => howLong(keyOf(item))?.whole ?? []);
  const never = items.length - known.length;
  if (never > 0) return `nobody knows how long it takes: ${never} of ${items.length} were never measured here`;
  return `about ${showDuration(known.reduce((sum, each) => sum + each, 0))} left, by the last times`;
}

function keyOf({ names }: BenchItem): string {
  return `bench ${names.join(', ')}`;
}

/** What `--only` takes. */
export function benchNames(): string[] {
  return [...new Set(benchItems.flatMap(calledBy))];
}

function calledBy({ names, group }: BenchItem): readonly string[] {
  return group === undefined ? names : [...names, group];
}

/** What stands in the list for an item that could not be measured. */
function failureName(item: BenchItem): string {
  return keyOf(item);
}

/** A figure that cannot be had is an entry that says why; the others are still measured. */
async function measureItem(item: BenchItem, runs: string, context: CommandContext): Promise<readonly BenchFigure[]> {
  const startMs = performance.now();
  try {
    const figures = await item.measure({ signal: context.signal, say: context.say, runs });
    noteHowLong(keyOf(item), { whole: performance.now() - startMs });
    return figures;
  } catch (error) {
    if (context.signal.aborted || (error instanceof CxlpodError && error.exitCode === exitCodes.interrupted)) throw error;
    context.say(formatError(error));
    const why = error instanceof Error ? error.message : String(error);
    return [
      {
        ...figure({ name: failureName(item), value: null, unit: '', spread: why, provider: 'qemu', accelerator: '' }),
        holds: false,
      },
    ];
  }
}
