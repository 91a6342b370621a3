import { formatError } from '../errors/cxlpod-error.ts';
import { showControls } from '../report/html.ts';
import type { Lane, Step, StepObserver } from './step.ts';

/** Progress as plain lines, for logs, CI, and terminals that want no colour. */
export function showLines(write: (line: string) => void): StepObserver {
  const startMs = performance.now();
  const line = (mark: string, step: Step, lane: Lane | null, rest = ''): void => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(5);
    write(`[${seconds} s] ${mark} ${lane === null ? '' : `${lane.name}: `}${step.name}${showControls(rest)}`);
  };
  return {
    started: (step, lane) => line('   .', step, lane),
    noted: (step, lane, text) => line('   .', step, lane, `: ${text}`),
    finished: (step, lane, elapsedMs) => line('  ok', step, lane, ` (${(elapsedMs / 1000).toFixed(1)} s)`),
    failed: (step, lane, error) => line('fail', step, lane, `: ${firstLine(error)}`),
    left: (text) => write(`[${((performance.now() - startMs) / 1000).toFixed(1).padStart(5)} s]      ${text}`),
    undoing: (step, lane) => line('undo', step, lane),
    undoFailed: (step, lane, error) => line('undo', step, lane, ` failed: ${firstLine(error)}`),
    ended: async () => {},
  };
}

function firstLine(error: unknown): string {
  return formatError(error)
    .split('\n', 1)[0]!
    .replace(/^error: /, '');
}

/** Shows nothing. */
export const silent: StepObserver = {
  started() {},
  noted() {},
  finished() {},
  failed() {},
  undoing() {},
  undoFailed() {},
  async ended() {},
};
