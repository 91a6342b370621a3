/** Whether a pod can run a scenario whatever its seed draws: a campaign draws again with each. */
import { faultSchema, type Scenario } from '../config/scenario.ts';
import type { FaultKind } from '../faults/fault.ts';
import { type FaultName, faultKinds } from '../faults/index.ts';
import { concreteScenario } from './concrete-scenario.ts';
import { variantsOf } from './draw-template.ts';
import { Random } from './random.ts';
import { type RunnablePod, requireRunnable } from './require-runnable.ts';

/** Errors: those of `requireRunnable`. */
export function requireDrawable(scenario: Scenario, pod: RunnablePod): void {
  requireRunnable(concreteScenario(scenario, pod.machines), pod);
  const { random, ...written } = scenario;
  if (random === undefined) return;
  const faults = random.faults.flatMap((template) =>
    typeof template === 'string' ? [anyOf(template as FaultName, pod)] : variantsOf(template),
  );
  requireRunnable({ ...written, faults: faults.map((fault) => faultSchema.parse(fault)) }, pod);
}

/** What it needs beside a machine of the pod is the same whatever is drawn. */
function anyOf(kind: FaultName, { machines }: RunnablePod): unknown {
  const { draw } = faultKinds[kind] as FaultKind;
  return { [kind]: draw!(new Random(0), { machines }) };
}
