/** One task of one worker: asked of its agent, or, by a controller that goes on in the place of another, answered as it was then. */
import type { TaskName, Tasks } from '@cxlpod/agent/protocol';
import type { Pod } from '../../cluster/pod.ts';
import type { Timeline } from '../../traces/timeline.ts';
import type { Journal, PastTask } from '../journal.ts';
import type { Hand, TaskOptions } from './hand.ts';
import { diverged } from './past-crew.ts';

/** Beside the task's own deadline: for the way there and back, and for an agent that is busy. */
const answerGraceMs = 10_000;

interface Tools {
  readonly pod: Pod;
  readonly timeline: Timeline;
  readonly journal: Journal;
}

/**
 * It goes to whoever fills the post of `hand` by now: a workload may still name one that was replaced.
 * `past`: the same, as a controller that is gone had asked for it.
 */
export async function runTask<Name extends TaskName>(
  { pod, timeline, journal }: Tools,
  { post, attempt, clock }: Hand,
  past: PastTask | null,
  task: Name,
  parameters: Tasks[Name]['parameters'],
  { deadlineMs, label }: TaskOptions,
): Promise<Tasks[Name]['result']> {
  const { agent } = pod.machine(post.machine);
  const lane = { machine: post.machine, name: `${post.worker}: tasks` };
  const sentNs = past?.sentNs ?? timeline.now().ns;
  let receivedNs = 0;
  const result = await timeline.during(lane, 'task', label ?? task, async () => {
    const timeoutMs = deadlineMs + answerGraceMs;
    if (past !== null) {
      if (past.task !== task) throw diverged(post, past, task);
      const answer = past.answer ?? (await journal.told(past.asked, agent.resumed(past.asked, timeoutMs)));
      if ('error' in answer) throw answer.error;
      receivedNs = answer.receivedNs;
      return answer.result;
    }
    const answer = await journal.during(
      (onSend) => agent.request('runTask', { worker: post.worker, task, parameters, deadlineMs }, { timeoutMs, onSend }),
      (asked) => journal.ask({ kind: 'task', post, attempt, task, sentNs, asked }),
    );
    receivedNs = timeline.now().ns;
    return answer;
  });
  for (const machineNs of stampsIn(result)) {
    timeline.observations.push({ clock, sentNs, machineNs, receivedNs });
  }
  return result as Tasks[Name]['result'];
}

/** First and last stamp of the machine's clock in a task's result. */
function stampsIn(result: unknown): number[] {
  const spans =
    (result as { readonly spans?: readonly { readonly startNs: number; readonly endNs: number }[] } | null)?.spans ?? [];
  return spans.length === 0 ? [] : [spans[0]!.startNs, spans.at(-1)!.endNs];
}
