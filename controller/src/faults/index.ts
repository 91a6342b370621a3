/** Every fault that a scenario can name: a new one is a file and a line here. */
import type { Scenario } from '../config/scenario.ts';
import { allPowerOff } from './all-power-off.ts';
import { cutLink } from './cut-link.ts';
import { exhaustGuestMemory } from './exhaust-guest-memory.ts';
import { exhaustPool } from './exhaust-pool.ts';
import type { Fault, FaultKind } from './fault.ts';
import { freeze } from './freeze.ts';
import { heavyLoad } from './heavy-load.ts';
import { joinMachine } from './join-machine.ts';
import { killAgent } from './kill-agent.ts';
import { killController } from './kill-controller.ts';
import { killRecoverer } from './kill-recoverer.ts';
import { killWorker } from './kill-worker.ts';
import { limitWorkerMemory } from './limit-worker-memory.ts';
import { loseDevice } from './lose-device.ts';
import { mediaError } from './media-error.ts';
import { pauseWorker } from './pause-worker.ts';
import { killContainer, powerOff } from './power-off.ts';
import { slow } from './slow.ts';
import { softwareFence } from './software-fence.ts';

export const faultKinds = {
  exhaustPool,
  killWorker,
  pauseWorker,
  powerOff,
  killContainer,
  allPowerOff,
  freeze,
  cutLink,
  slow,
  heavyLoad,
  killAgent,
  loseDevice,
  mediaError,
  exhaustGuestMemory,
  joinMachine,
  killController,
  limitWorkerMemory,
  killRecoverer,
  softwareFence,
} as const;

export type FaultName = keyof typeof faultKinds;

/** Of a scenario whose random parts were drawn (`concrete-scenario.ts`), in its order. */
export function createFaults({ faults }: Pick<Scenario, 'faults'>): Fault[] {
  return faults.map((named) => {
    const [kind, parameters] = Object.entries(named).find(([, value]) => value !== undefined)!;
    return (faultKinds[kind as FaultName] as unknown as FaultKind).create(parameters);
  });
}
