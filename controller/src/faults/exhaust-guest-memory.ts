/**
 * `exhaustGuestMemory`: a program on a machine takes all of its memory, until the kernel kills to get some back. It kills the largest, which
 * is that program; whoever else dies is told like everybody who dies.
 */
import type { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ machine: name });

type Parameters = z.output<typeof parameters>;

const fullWithinMs = 100_000;
const statusTimeoutMs = 60_000;

/**
 * One read into a block as large as the machine's memory, before everybody else: what takes its memory bit by bit has the machine read its
 * programs from the disk again and again for a minute before anybody is killed.
 */
const takeAll =
  'nice -n -20 dd if=/dev/zero of=/dev/null count=1 bs="$(sed -n "s/^MemTotal: *\\([0-9]*\\) kB/\\1K/p" /proc/meminfo)" 2>/dev/null; echo $?';

export const exhaustGuestMemory: FaultKind<Parameters> = { parameters, create };

function create({ machine, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'exhaustGuestMemory',
    sentence: `take all memory of ${machine}`,
    needs: { machines: [machine], providers: ['qemu'] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? 0,
    lane: laneOfMachine(machine),
    strike: async ({ pod }) => {
      const { machine: full, agent } = pod.machine(machine);
      const before = await kills(full);
      const { stdout } = await full.exec(['sh', '-c', takeAll], { timeoutMs: fullWithinMs });
      const hogExitCode = Number(stdout);
      const killed = (await kills(full)) - before;
      if (killed === 0) {
        throw environmentError('NOT_EXHAUSTED', `${machine} killed nobody for memory; the hog ended with ${hogExitCode}`);
      }
      const { pid } = await agent.request('status', {}, { timeoutMs: statusTimeoutMs });
      return {
        sentence: `the kernel of ${machine} killed ${killed} process${killed === 1 ? '' : 'es'} for memory; its agent, process ${pid}, answers`,
        evidence: { machine, killed, hogExitCode, agentPid: pid },
      };
    },
    heal: async () => undefined,
    fired: (_, outcome) => seenToFire(outcome),
  };
}

/** How many processes the kernel has killed for memory. */
async function kills(machine: Machine): Promise<number> {
  const { stdout } = await machine.exec(['sed', '-n', 's/^oom_kill //p', '/proc/vmstat']);
  return Number(stdout);
}
