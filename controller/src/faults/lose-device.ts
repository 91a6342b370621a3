/**
 * `loseDevice`: the CXL region of a machine is disabled while processes have it mapped. The kernel takes the mapping away under them: the
 * next access is a SIGBUS. Then the region is enabled again, with all that is in it, and who comes next maps it anew.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { startAgent } from './kill-agent.ts';
import { killsAll, laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ machine: name });

type Parameters = z.output<typeof parameters>;

const enabledAfterMs = 500;
const goneWithinMs = 60_000;
const lookAgainAfterMs = 200;
const region = 'region0';

export const loseDevice: FaultKind<Parameters> = { parameters, create };

function create({ machine, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'loseDevice',
    sentence: `take the device of ${machine} away under its mappings`,
    needs: { machines: [machine], providers: ['qemu'] },
    takesDown: true,
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? enabledAfterMs,
    lane: laneOfMachine(machine),
    strike: async ({ pod, crew }) => {
      const loser = pod.machine(machine).machine;
      const workers = crew.handsOn(machine);
      const mapped = await mappers(loser);
      await must(loser, ['cxl', 'disable-region', region]);
      const dead = workers.filter(({ pid }) => mapped.includes(pid));
      await allGone(
        loser,
        dead.map(({ pid }) => pid),
      );
      return {
        sentence: `${machine} lost its device, and ${dead.length} workers that had it mapped were seen to end`,
        evidence: { machine, mapped: mapped.join(' '), ended: dead.map(({ pid }) => pid).join(' ') },
      };
    },
    heal: async (context) => {
      const { machine: loser } = context.pod.machine(machine);
      await must(loser, ['cxl', 'enable-region', region]);
      // The agent has mapped the device that was: its next look at the pool would be its end.
      if ((await loser.whyUnreachable()) === null) await loser.killAgent();
      return `the device of ${machine} is back; ${await startAgent(context, machine)}`;
    },
    fired: (_, outcome) => seenToFire(outcome),
    explains: (exit) => exit.machine === machine,
    kills: killsAll,
  };
}

async function mappers(machine: Machine): Promise<readonly number[]> {
  const { stdout } = await machine.exec(['sh', '-c', 'grep -l /dev/dax /proc/[0-9]*/maps 2>/dev/null']);
  return stdout.split('\n').flatMap((path) => (path === '' ? [] : [Number(path.split('/')[2])]));
}

async function allGone(machine: Machine, pids: readonly number[]): Promise<void> {
  const endMs = performance.now() + goneWithinMs;
  for (;;) {
    const living = await mappers(machine);
    const left = pids.filter((pid) => living.includes(pid));
    if (left.length === 0) return;
    if (performance.now() > endMs) {
      throw environmentError('NOT_LOST', `${machine.name} lost its device, and processes ${left.join(', ')} work on`);
    }
    await delay(lookAgainAfterMs);
  }
}

async function must(machine: Machine, argv: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await machine.exec(argv);
  if (exitCode === 0) return;
  throw environmentError('DEVICE_NOT_CHANGED', `${argv.join(' ')} failed on ${machine.name}`, {
    cause: new Error(stderr || stdout),
  });
}
