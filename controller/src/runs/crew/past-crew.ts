/** The crew of a controller that is gone, for the one that goes on with its run. */
import type { TaskName } from '@cxlpod/agent/protocol';
import { type CxlpodError, environmentError } from '../../errors/cxlpod-error.ts';
import type { SeenExit } from '../evidence.ts';
import type { PastHire, PastTask } from '../journal.ts';
import type { Post } from './hand.ts';

/** What a controller that is gone knew of its crew. */
export interface PastCrew {
  readonly hires: readonly PastHire[];
  /** As `Crew.memory` tells it. */
  readonly memory: CrewMemory;
  readonly dismissed: readonly string[];
}

export interface CrewMemory {
  readonly exits: readonly { readonly key: string; readonly exit: SeenExit }[];
  readonly boots: Readonly<Record<string, number>>;
  readonly restarts: number;
}

/** The workload does not do again what it did, so nothing that was answered can be used. */
export function diverged(post: Post, past: PastTask, task: TaskName): CxlpodError {
  return environmentError('NOT_THE_SAME_WORK', `${post.worker} on ${post.machine} is to do ${task}, and had begun ${past.task}`, {
    cause: new Error('the controller that is gone had asked for something else at this place'),
    hint: 'this run cannot be gone on with: run the scenario again',
  });
}
