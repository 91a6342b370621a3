/** `.runs/bench.json`: figures by name, machine kind and accelerator; what is measured again replaces what was there. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentError } from '../errors/cxlpod-error.ts';
import { makeFolder } from '../runs/make-folder.ts';
import { orDiskError } from '../runs/run-folder.ts';
import type { BenchFigure } from './bench-item.ts';

export function readBenchList(runs: string): BenchFigure[] {
  const path = benchFile(runs);
  if (!existsSync(path)) return [];
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as BenchFigure[];
  } catch (error) {
    throw environmentError('BENCH_UNREADABLE', `${path} is not a list of figures`, {
      cause: error,
      hint: `delete ${path}, measure again`,
    });
  }
}

/** In one step, so that an interrupted bench leaves the figures it had. */
export function writeBenchList(runs: string, figures: readonly BenchFigure[]): void {
  const path = benchFile(runs);
  orDiskError(path, () => {
    makeFolder(runs);
    writeFileSync(`${path}.next`, `${JSON.stringify(figures, null, 2)}\n`);
    renameSync(`${path}.next`, path);
  });
}

export function merged(known: readonly BenchFigure[], measured: readonly BenchFigure[]): BenchFigure[] {
  const isSame = (a: BenchFigure, b: BenchFigure): boolean => a.name === b.name && a.provider === b.provider;
  const kept = known.map((old) => measured.find((figure) => isSame(figure, old)) ?? old);
  return [...kept, ...measured.filter((figure) => !known.some((old) => isSame(old, figure)))];
}

/** An item that is measured now did not fail any more. */
export function withoutFailure(known: readonly BenchFigure[], failureName: string): BenchFigure[] {
  return known.filter(({ name, value }) => value !== null || name !== failureName);
}

export function benchFile(runs: string): string {
  return join(runs, 'bench.json');
}
