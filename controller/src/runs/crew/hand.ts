/** A worker of a run: a process at a post, from its start to its end. */
import type { ClientIdentity, Passage, TaskName, Tasks } from '@cxlpod/agent/protocol';
import type { Lane } from '../../traces/timeline.ts';
import type { SeenExit } from '../evidence.ts';

/** A place for a worker: machine and name of the worker. */
export interface Post {
  readonly machine: string;
  readonly worker: string;
}

/**
 * At the so-manieth passage of a crash point, or before its so-manieth access to shared memory. With `until` it only stands still there, and
 * dies at that passage once it was continued.
 */
export type Crash = (Passage & { readonly until?: Passage }) | { readonly access: number };

export interface Hand {
  readonly post: Post;
  readonly pid: number;
  readonly client: ClientIdentity;
  /** From 1; each restart of the post adds one. */
  readonly attempt: number;
  /** What it was armed with when it started. */
  readonly crash: Crash | null;
  /** Of what it stamps. */
  readonly clock: string;
  /** Of its end, as `Ends` knows it. */
  readonly key: string;
  /** Resolves when its end was seen. Never rejects. */
  readonly exit: Promise<SeenExit>;
  task<Name extends TaskName>(
    name: Name,
    parameters: Tasks[Name]['parameters'],
    options: TaskOptions,
  ): Promise<Tasks[Name]['result']>;
}

export interface TaskOptions {
  readonly deadlineMs: number;
  /** On the time line; the name of the task when not given. */
  readonly label?: string;
}

export function isAt(post: Post, other: Post): boolean {
  return post.machine === other.machine && post.worker === other.worker;
}

export function laneOf(post: Post): Lane {
  return { machine: post.machine, name: post.worker };
}
