/**
 * `limitWorkerMemory`: a worker may take no more memory than so much, and takes more: the kernel kills it, and nobody beside it. It is a death
 * like any other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { name } from '../config/names.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { inWorkerCgroup } from '../provider/worker-cgroup.ts';
import { laneOf, type Post } from '../runs/crew/hand.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { onLiving } from './on-living.ts';
import { scheduled, scheduleOf } from './schedule.ts';
import { onMachine } from './signal-worker.ts';

const parameters = scheduled({
  /** The machine. */
  on: name,
  worker: name,
  /** What it may still take from the moment of the fault on. */
  kibibytes: z.number().int().min(0).max(1_048_576).default(0),
});

const killedWithinMs = 90_000;

export const limitWorkerMemory: FaultKind<z.output<typeof parameters>> = { parameters, create };

function create({ on, worker, kibibytes, healAfter, ...when }: z.output<typeof parameters>): Fault {
  const post: Post = { machine: on, worker };
  return {
    kind: 'limitWorkerMemory',
    sentence: `${worker} on ${on} may take ${kibibytes} KiB of memory more`,
    // On `local` workers have no cgroup of their own.
    needs: { machines: [on], post, providers: ['qemu'] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? 0,
    lane: laneOf(post),
    strike: (context, signal) =>
      onLiving(context, post, signal, async (hand) => {
        const { machine, agent } = context.pod.machine(on);
        const before = await kills(machine);
        await limitMemory(agent, hand.pid, kibibytes * 1024);
        const exit = await Promise.race([hand.exit, delay(killedWithinMs, null)]);
        if (exit === null) {
          await limitMemory(agent, hand.pid, null);
          throw environmentError('NOT_OUT_OF_MEMORY', `${worker} on ${on} took no more memory within ${killedWithinMs / 1000} s`);
        }
        const killed = (await kills(machine)) - before;
        if (killed === 0)
          throw environmentError('DIED_OTHERWISE', `${worker} on ${on} died, and the kernel killed nobody for memory`);
        return {
          sentence: `the kernel of ${on} killed ${worker} for memory: ${exit.signal ?? `exit code ${exit.exitCode}`}`,
          evidence: { pid: hand.pid, killed, signal: exit.signal, fenced: exit.fenced !== null },
          at: { clock: hand.clock, ns: exit.atNs },
        };
      }),
    heal: async ({ crew }) => {
      const hand = crew.handAt(post);
      if (hand === null || crew.handsOn(on).includes(hand)) return undefined;
      const next = await crew.restart(post);
      return `a new ${worker} on ${on}, pid ${next.pid}`;
    },
    fired: (_, outcome) => seenToFire(outcome),
    explains: (exit) => exit.machine === on && exit.worker === worker && exit.signal === 'SIGKILL' && !exit.asked,
  };
}

/** `bytes`: of what it takes from now on; what it had before is not counted. Null: as much as there is. */
async function limitMemory(agent: AgentConnection, pid: number, bytes: number | null): Promise<void> {
  await onMachine(agent, inWorkerCgroup(pid, 'memory', `echo ${bytes ?? 'max'} > $c/memory.max`));
}

/** How many processes the kernel has killed for memory, in whatever cgroup. */
async function kills(machine: Machine): Promise<number> {
  const { stdout } = await machine.exec(['sed', '-n', 's/^oom_kill //p', '/proc/vmstat']);
  return Number(stdout);
}
