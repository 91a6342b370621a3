/** Draws what a scenario leaves to its seed: moments, and whole faults. What comes out is what a run does, keeps and replays. */
import { knownKeysAt } from '../config/known-keys.ts';
import { faultSchema, type RandomFaults, type Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { FaultKind } from '../faults/fault.ts';
import { type FaultName, faultKinds } from '../faults/index.ts';
import type { ScheduleParameters } from '../faults/schedule.ts';
import { drawTemplate } from './draw-template.ts';
import { Random } from './random.ts';

type NamedFault = Scenario['faults'][number];

export function concreteScenario(scenario: Scenario, machines: readonly string[]): Scenario {
  const random = new Random(scenario.seed);
  const written = scenario.faults.map((fault) => atDrawnMoment(fault, random));
  const { random: wanted, ...rest } = scenario;
  if (wanted === undefined) return { ...rest, faults: written };
  const count = random.between(wanted.count[0], wanted.count[1]);
  const drawn = Array.from({ length: count }, () => drawFault(wanted, machines, random));
  return { ...rest, faults: [...written, ...drawn.map((fault) => atDrawnMoment(fault, random))] };
}

function drawFault(wanted: RandomFaults, machines: readonly string[], random: Random): NamedFault {
  const one = random.oneOf(wanted.faults);
  const template = typeof one === 'string' ? { [one]: drawKind(one, machines, random) } : drawTemplate(one, random);
  const parsed = faultSchema.safeParse(withMoment(template as Record<string, object>, wanted.within, random));
  if (parsed.success) return parsed.data;
  throw usageError('RANDOM_FAULT_INVALID', `the seed drew a fault that cannot be: ${JSON.stringify(template)}`, {
    cause: parsed.error,
  });
}

function drawKind(kind: string, machines: readonly string[], random: Random): unknown {
  const { draw } = faultKinds[kind as FaultName] as FaultKind;
  return draw!(random, { machines });
}

/** A template that does not say when strikes at any moment `within`; one that waits for a crash point has no moment. */
function withMoment(template: Readonly<Record<string, object>>, withinMs: number, random: Random): unknown {
  const [kind, parameters] = Object.entries(template)[0]!;
  const isTimed = ['after', 'atOperations', 'between', 'at', 'atAccess'].some((key) => key in parameters);
  if (isTimed || !knownKeysAt(faultSchema, [kind]).includes('after')) return template;
  return { [kind]: { ...parameters, after: `${random.between(1, withinMs)}ms` } };
}

/** `between` becomes `after`. */
function atDrawnMoment(fault: NamedFault, random: Random): NamedFault {
  const [kind, parameters] = Object.entries(fault).find(([, value]) => value !== undefined)! as [string, ScheduleParameters];
  if (parameters.between === undefined) return fault;
  const { between, ...rest } = parameters;
  return { [kind]: { ...rest, after: random.between(between[0], between[1]) } } as NamedFault;
}
