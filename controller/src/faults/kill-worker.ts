/**
 * `killWorker`: a worker dies by SIGKILL, at a named crash point in the middle of a lock-free operation, at its n-th access to shared
 * memory, or at any moment; then its post is filled again.
 */
import { z } from 'zod';
import { crashPoint } from '../config/crash-point.ts';
import { name } from '../config/names.ts';
import { laneOf, type Post } from '../runs/crew/hand.ts';
import type { SeenExit } from '../runs/evidence.ts';
import { type Fault, type FaultKind, unnamedWorker } from './fault.ts';
import { killAtAccess } from './kill-at-access.ts';
import { killAtPoint } from './kill-at-point.ts';
import { killHeld } from './kill-held.ts';
import { killNow } from './kill-now.ts';
import { scheduled } from './schedule.ts';

const parameters = scheduled({
  /** The machine. */
  on: name,
  worker: name.default(unnamedWorker),
  /** Before its so-manieth access to shared memory; it runs the traced core for that, which is slow. */
  atAccess: z.number().int().min(1).max(1_000_000_000).optional(),
  /** The crash point; `docs/crash-points.md` lists them. Without one it dies when the schedule says. */
  at: crashPoint.optional(),
  /** At its so-manieth passage, from 1. */
  hit: z.number().int().min(1).max(1_000_000_000).default(1),
  /** It stands still here until the others have done so many operations, and dies there, or, with `at`, at that passage counted from there. */
  held: z
    .strictObject({
      at: crashPoint,
      hit: z.number().int().min(1).max(1_000_000_000).default(1),
      operations: z.number().int().min(1).max(1_000_000).default(300),
    })
    .optional(),
}).superRefine(({ at, hit, held, atAccess, after, atOperations, between }, context) => {
  const times = Object.entries({ atAccess, after, atOperations, between }).flatMap(([key, value]) =>
    value === undefined ? [] : [key],
  );
  if (at !== undefined && times.length > 0) {
    context.addIssue({
      code: 'custom',
      path: [times[0]!],
      message: 'a worker that dies at a crash point dies when it passes there',
    });
  }
  if (at === undefined && times.length > 1) {
    context.addIssue({ code: 'custom', path: [times[0]!], message: `a worker dies once: ${times.join(' or ')}, not both` });
  }
  if (at === undefined && hit > 1) {
    context.addIssue({ code: 'custom', path: ['hit'], message: 'counts the passages of a crash point: at is missing' });
  }
  if (held === undefined) return;
  if (at === undefined && times.length > 0) {
    context.addIssue({ code: 'custom', path: ['held'], message: `says when it dies, and so does ${times[0]}` });
  }
  if ([at, held.at].some((point) => point?.startsWith('rpc/'))) {
    // at-most-once counts what a server did by the passage at which it died.
    context.addIssue({ code: 'custom', path: ['held'], message: 'is for crash points of the heap and of stores' });
  }
});

export type KillWorkerParameters = z.output<typeof parameters>;

export const killWorker: FaultKind<KillWorkerParameters> = { parameters, create };

function create({ at, hit, held, atAccess, healAfter, ...when }: KillWorkerParameters): Fault {
  const post: Post = { machine: when.on, worker: when.worker };
  return {
    kind: 'killWorker',
    needs: { machines: [post.machine], post },
    healAfterMs: healAfter ?? 0,
    lane: laneOf(post),
    heal: async ({ crew }) => {
      const hand = await crew.restart(post);
      return `a new ${post.worker} on ${post.machine}, pid ${hand.pid}`;
    },
    explains: (exit) => isOf(post, exit) && exit.signal === 'SIGKILL' && !exit.asked,
    ...(held !== undefined
      ? killHeld(
          post,
          { point: held.at, hit: held.hit, operations: held.operations },
          at === undefined ? null : { point: at, hit },
        )
      : at !== undefined
        ? killAtPoint(post, { point: at, hit })
        : atAccess !== undefined
          ? killAtAccess(post, atAccess)
          : killNow(post, when)),
  };
}

function isOf({ machine, worker }: Post, exit: SeenExit): boolean {
  return exit.machine === machine && exit.worker === worker;
}
