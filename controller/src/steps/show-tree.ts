/** Progress as a live tree, for a terminal. listr2 only draws: the plan runs by itself and each task waits for its step. */
import { DefaultRenderer, Listr, ListrLogger, type ListrTask, ProcessOutput } from 'listr2';
import { showControls } from '../report/html.ts';
import type { Lane, Plan, Step, StepObserver } from './step.ts';

/** listr2 draws its tree only when standard *output* is a terminal, and ours goes to another stream. */
class TreeRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

interface Watch {
  readonly ended: Promise<void>;
  end(error?: unknown): void;
  note(text: string): void;
  /** Beside what it notes itself. */
  left(text: string): void;
  onNote(listener: (text: string) => void): void;
}

export function showTree(plan: Plan, stream: NodeJS.WriteStream): StepObserver {
  // All at once: a step may be over before its task is drawn.
  const watches = new Map(stepsOf(plan).map((step) => [step, newWatch()]));
  const tasks = plan.map((part) => ('together' in part ? laneTasks(part.together, part.name, watches) : stepTask(part, watches)));
  const logger = new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(stream, stream) });
  const tree = new Listr(tasks, {
    renderer: TreeRenderer,
    registerSignalListeners: false,
    rendererOptions: { logger, collapseSubtasks: false, showErrorMessage: false, suffixSkips: true },
  });
  const drawn = tree.run().then(
    () => {},
    () => {},
  );
  const undone: string[] = [];
  const running = new Set<Step>();
  return {
    started: (step) => void running.add(step),
    left: (text) => {
      for (const step of running) watches.get(step)?.left(text);
    },
    noted: (step, _, text) => watches.get(step)?.note(text),
    finished: (step) => {
      running.delete(step);
      watches.get(step)?.end();
    },
    failed: (step, _, error) => {
      running.delete(step);
      watches.get(step)?.end(error);
    },
    undoing: (step, lane) => undone.push(`taken back: ${lane === null ? '' : `${lane.name}: `}${step.name}`),
    undoFailed: (step, _, error) => undone.push(`not taken back: ${step.name}: ${showControls(String(error))}`),
    async ended() {
      for (const watch of watches.values()) watch.end(new Error('not reached'));
      await drawn;
      for (const line of undone) stream.write(`${line}\n`);
    },
  };
}

function laneTasks(lanes: readonly Lane[], title: string, watches: ReadonlyMap<Step, Watch>): ListrTask {
  return {
    title,
    task: (_, task) =>
      task.newListr(
        lanes.map((lane) => ({
          title: lane.name,
          task: (_, inner) => inner.newListr(lane.steps.map((step) => stepTask(step, watches))),
        })),
        { concurrent: true, exitOnError: false },
      ),
  };
}

function stepsOf(plan: Plan): Step[] {
  return plan.flatMap((part) => ('together' in part ? part.together.flatMap((lane) => lane.steps) : [part]));
}

function stepTask(step: Step, watches: ReadonlyMap<Step, Watch>): ListrTask {
  const watch = watches.get(step)!;
  return {
    title: step.name,
    task: (_, task) => {
      watch.onNote((text) => {
        task.output = showControls(text);
      });
      return watch.ended;
    },
    rendererOptions: { persistentOutput: true },
  };
}

function newWatch(): Watch {
  let listener: (text: string) => void = () => {};
  let last = '';
  let left = '';
  let shown = '';
  const tell = (): void => {
    const text = [last, left].filter((each) => each !== '').join(' · ');
    if (text !== shown) listener(text);
    shown = text;
  };
  let settle: { resolve(): void; reject(error: unknown): void } | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // A step that fails before its task is drawn must not look like an unhandled rejection.
  ended.catch(() => {});
  return {
    ended,
    end: (error) => {
      // Of a step that is over only what it noted stays.
      left = '';
      tell();
      if (error === undefined) settle!.resolve();
      else settle!.reject(error);
    },
    note: (text) => {
      last = text;
      tell();
    },
    left: (text) => {
      left = text;
      tell();
    },
    onNote: (next) => {
      listener = next;
      if (shown !== '') next(shown);
    },
  };
}
