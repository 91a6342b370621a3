/** How many operations had ended when, while a workload runs: what the time line draws as operations a second. */
import type { Timeline } from '../traces/timeline.ts';
import type { Progress } from './progress.ts';

const firstEveryMs = 50;
/** When there are so many readings, every second one goes, and half as many are taken from then on. */
const readingLimit = 1_000;

/** Returns the function that stops it. */
export function recordPace(progress: Pick<Progress, 'operations'>, timeline: Timeline): () => void {
  let everyMs = firstEveryMs;
  let timer: NodeJS.Timeout;
  const read = (): void => {
    try {
      timeline.progress.push({ at: timeline.now(), operations: progress.operations() });
    } catch {
      // The files of the pod are gone: whoever took them is told of by others.
      clearInterval(timer);
    }
    if (timeline.progress.length < readingLimit) return;
    const kept = timeline.progress.filter((_, index) => index % 2 === 0);
    timeline.progress.splice(0, timeline.progress.length, ...kept);
    everyMs *= 2;
    clearInterval(timer);
    timer = setInterval(read, everyMs).unref();
  };
  timer = setInterval(read, firstEveryMs).unref();
  return () => clearInterval(timer);
}
