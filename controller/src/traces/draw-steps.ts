/** The steps of a plan as spans of a lane: what a machine was at while it came back. */
import { silent } from '../steps/show-lines.ts';
import type { Step, StepObserver } from '../steps/step.ts';
import type { Stamp } from './align-clocks.ts';
import type { Lane, Timeline } from './timeline.ts';

export function drawSteps(timeline: Timeline, lane: Lane): StepObserver {
  const starts = new Map<Step, Stamp>();
  const draw = (step: Step): void => {
    const start = starts.get(step);
    if (start !== undefined) timeline.spans.push({ lane, kind: 'step', name: step.name, start, end: timeline.now() });
  };
  return {
    ...silent,
    started: (step) => void starts.set(step, timeline.now()),
    finished: draw,
    failed: draw,
  };
}
