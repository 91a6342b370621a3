/** `cxlpod stats`: what was called how often and how long it took, read from the pool's bytes while it is used. */
import { existsSync } from 'node:fs';
import { setTimeout as passTime } from 'node:timers/promises';
import { type ConnectionFigures, readStatisticsFile } from '@cxlpod/agent/statistics';
import type { CommandContext } from '../cli/command.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { printMetrics } from '../metrics/exposition.ts';
import { poolMetrics } from '../metrics/pool-metrics.ts';
import { openPoolReader } from '../metrics/pool-reading.ts';
import { showControls } from '../report/html.ts';
import { describeStatistics, methodRows } from './describe-statistics.ts';
import { poolFileOf } from './inspect-command.ts';

/** Raised with every change of what `--json` prints. */
const statisticsFormat = 1;
const watchMs = 1_000;

export async function statsCommand(
  what: string | { readonly pod: string },
  options: { readonly json: boolean; readonly watch: boolean },
  context: CommandContext,
): Promise<number> {
  const path = typeof what === 'string' ? what : await poolFileOf(what.pod);
  let before: Reading | undefined;
  for (;;) {
    const reading = read(path);
    const seconds = before === undefined ? 0 : (reading.atMs - before.atMs) / 1_000;
    const methods = methodRows(reading.connections, before?.connections, seconds);
    if (options.json) {
      const { connections } = reading;
      context.out(JSON.stringify({ format: statisticsFormat, pool: path, methods, connections }, null, options.watch ? 0 : 2));
    } else {
      context.out(showControls(describeStatistics(methods, reading.connections)));
    }
    if (!options.watch || !(await hasPassed(watchMs, context.signal))) return exitCodes.valid;
    before = reading;
  }
}

/** `--format prometheus`: everything that a pod counts, once; with the history of the pod where there is one. */
export async function metricsCommand(what: string | { readonly pod: string }, context: CommandContext): Promise<number> {
  const path = typeof what === 'string' ? what : await poolFileOf(what.pod);
  const history = typeof what === 'string' ? null : podPaths(what.pod).historyFile;
  const hasHistory = history !== null && existsSync(history);
  const text = orUnreadable(path, () => {
    const reader = openPoolReader(path, hasHistory ? history : null);
    try {
      return printMetrics(poolMetrics(reader.read()));
    } finally {
      reader.close();
    }
  });
  context.out(text);
  return exitCodes.valid;
}

interface Reading {
  readonly connections: readonly ConnectionFigures[];
  readonly atMs: number;
}

function read(path: string): Reading {
  return orUnreadable(path, () => ({ connections: readStatisticsFile(path), atMs: performance.now() }));
}

function orUnreadable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw usageError('POOL_UNREADABLE', `the statistics of ${path} cannot be read`, {
      cause: error,
      hint: 'give the file of a pool of this build: pool.raw',
    });
  }
}

/** False when the operator has had enough. */
async function hasPassed(ms: number, signal: AbortSignal): Promise<boolean> {
  return passTime(ms, true, { signal }).catch(() => false);
}
