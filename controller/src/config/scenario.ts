/** A scenario: what is done on a pod, what is broken on purpose, what must hold, and the seed. Written as YAML. */
import { defaultLeaseMs, shortestLeaseMs } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { checkNames } from '../checks/index.ts';
import { nearest } from '../errors/nearest.ts';
import type { FaultKind } from '../faults/fault.ts';
import { type FaultName, faultKinds } from '../faults/index.ts';
import { fencePolicies } from '../recovery/outcome.ts';
import { variantsOf } from '../runs/draw-template.ts';
import { workloads } from '../workload/index.ts';
import { scenarioName } from './names.ts';
import { duration } from './quantities.ts';

const seedLimit = 2 ** 32 - 1;
const faultLimit = 100;

type FaultShape = { [Name in FaultName]: z.ZodOptional<(typeof faultKinds)[Name]['parameters']> };

const faultShape = Object.fromEntries(
  Object.entries(faultKinds).map(([kind, { parameters }]) => [kind, parameters.optional()]),
) as unknown as FaultShape;

/** Exactly one key: the kind of the fault. */
export const faultSchema = z
  .strictObject(faultShape)
  .refine((one) => Object.values(one).filter((value) => value !== undefined).length === 1, {
    error: `must have exactly one key, one of ${Object.keys(faultKinds).join(', ')}`,
    // Of a key that is not known that is told, which names those that are.
    when: ({ issues }) => issues.length === 0,
  });

/** The kind of a fault, whose parameters are drawn; or a fault with `{ oneOf: [...] }` or `{ from, to }` in places of values. */
const faultTemplate = z.union([z.string(), z.record(z.string(), z.unknown())]).superRefine((template, context) => {
  const refuse = (message: string, path: PropertyKey[] = []) => context.addIssue({ code: 'custom', message, path });
  if (typeof template === 'string') {
    const kinds = Object.entries(faultKinds).flatMap(([kind, { draw }]: [string, FaultKind]) =>
      draw === undefined ? [] : [kind],
    );
    if (kinds.includes(template)) return;
    const suggestion = nearest(template, kinds);
    const known = kinds.length === 0 ? 'none' : kinds.join(', ');
    refuse(
      `${JSON.stringify(template)} cannot be drawn (${suggestion === null ? `known are ${known}` : `did you mean ${suggestion}?`})`,
    );
    return;
  }
  for (const variant of variantsOf(template)) {
    const parsed = faultSchema.safeParse(variant);
    if (parsed.success) continue;
    for (const issue of parsed.error.issues) refuse(issue.message, issue.path);
    return;
  }
});

const randomFaults = z
  .strictObject({
    faults: z.array(faultTemplate).min(1).max(faultLimit),
    /** How many, at least and at most. */
    count: z.tuple([z.number().int().min(0).max(faultLimit), z.number().int().min(1).max(faultLimit)]).default([1, 3]),
    /** Those that do not say when strike so soon after work began. */
    within: duration.default(5_000),
  })
  .refine(({ count }) => count[0] <= count[1], { path: ['count'], error: 'must be two numbers, the smaller one first' });

export type RandomFaults = z.output<typeof randomFaults>;

const check = z.string().superRefine((text, context) => {
  if (checkNames.includes(text)) return;
  const suggestion = nearest(text, checkNames);
  const hint = suggestion === null ? `known are ${checkNames.join(', ')}` : `did you mean ${suggestion}?`;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not a check (${hint})` });
});

function refuseRepeated(checks: readonly string[], context: z.RefinementCtx): void {
  for (const [index, name] of checks.entries()) {
    if (checks.indexOf(name) < index) context.addIssue({ code: 'custom', path: [index], message: `${name} is listed twice` });
  }
}

const parametersOfWorkloads = [
  workloads.ping.parameters,
  workloads['latency-table'].parameters,
  workloads['window-sweep'].parameters,
  workloads['size-sweep'].parameters,
  workloads.connections.parameters,
  workloads.layouts.parameters,
  workloads['sharing-modes'].parameters,
  workloads['cpu-rate'].parameters,
  workloads['idle-gaps'].parameters,
  workloads.calls.parameters,
  workloads.threadtest.parameters,
  workloads.shbench.parameters,
  workloads['hand-over'].parameters,
  workloads['word-count'].parameters,
  workloads['k-means'].parameters,
  workloads.kv.parameters,
  workloads['heap-partial-failure'].parameters,
  workloads['heap-full-failure'].parameters,
  workloads['heap-mix'].parameters,
  workloads['naive-counting'].parameters,
  workloads.exchange.parameters,
  workloads.pooling.parameters,
  workloads.migration.parameters,
  workloads.program.parameters,
] as const;

const namedWorkload = z.discriminatedUnion('name', parametersOfWorkloads, {
  error: (issue) => {
    if (issue.code !== 'invalid_union') return undefined;
    const named = (issue.input as { readonly name?: unknown } | null)?.name;
    const known = Object.keys(workloads);
    const suggestion = typeof named === 'string' ? nearest(named, known) : null;
    const hint = suggestion === null ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`;
    return `${JSON.stringify(named) ?? 'nothing'} is not a workload (${hint})`;
  },
});

/** `{ exec: ./mine }` and `{ module: ./mine.ts }` need no name. */
const workload = z.codec(z.unknown(), namedWorkload, {
  decode: (value) => {
    const isProgram = typeof value === 'object' && value !== null && !('name' in value) && ('exec' in value || 'module' in value);
    return (isProgram ? { name: 'program', ...value } : value) as z.input<typeof namedWorkload>;
  },
  encode: (value) => value,
});

export const scenarioSchema = z.strictObject({
  name: scenarioName,
  /** What `run --up` boots: a name of infra/topologies, or a path. A running pod is taken as it is. */
  topology: z.string().min(1).default('two'),
  workload,
  faults: z.array(faultSchema).max(faultLimit).default([]),
  /** Faults drawn from the seed, beside those above; `run.json` has them as drawn. */
  random: randomFaults.optional(),
  /** How dead machines are told from slow ones, and who may end them. */
  recovery: z
    .strictObject({
      fence: z.enum(fencePolicies).default('observed-end'),
      /** How long a client's heart, which beats every 100 ms, may stand still before it is suspected. */
      lease: duration.refine((ms) => ms >= shortestLeaseMs, `must be at least ${shortestLeaseMs} ms`).default(defaultLeaseMs),
    })
    .prefault({}),
  /** For negative controls: every worker's core makes this deliberate mistake, by its number in docs/mutants.md. It is the traced core, which is slow. */
  core: z.strictObject({ mutant: z.number().int().min(1).max(999) }).optional(),
  checks: z.array(check).superRefine(refuseRepeated).default([]),
  /** `invalid`: a negative control, which must be found wrong; one that comes out valid is a failure. */
  expect: z.enum(['valid', 'invalid']).default('valid'),
  /** Given to whatever is random; a run with the same seed makes the same choices. */
  seed: z.number().int().min(0).max(seedLimit).default(1),
});

export type Scenario = z.output<typeof scenarioSchema>;
