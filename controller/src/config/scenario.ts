/** A scenario: what is done on a pod, what is broken on purpose, what must hold, and the seed. Written as YAML. */
import { z } from 'zod';
import { checkNames } from '../checks/index.ts';
import { nearest } from '../errors/nearest.ts';
import { faultKinds } from '../faults/index.ts';
import { workloads } from '../workload/index.ts';
import { name } from './names.ts';

const seedLimit = 2 ** 32 - 1;
const faultLimit = 100;

/** Exactly one key: the kind of the fault. */
const fault = z
  .strictObject({ killWorker: faultKinds.killWorker.parameters.optional() })
  .refine((one) => Object.values(one).filter((value) => value !== undefined).length === 1, {
    error: `must have exactly one key, one of ${Object.keys(faultKinds).join(', ')}`,
  });

const check = z.string().superRefine((text, context) => {
  if (checkNames.includes(text)) return;
  const suggestion = nearest(text, checkNames);
  const hint = suggestion === null ? `known are ${checkNames.join(', ')}` : `did you mean ${suggestion}?`;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not a check (${hint})` });
});

const parametersOfWorkloads = [
  workloads.ping.parameters,
  workloads['latency-table'].parameters,
  workloads['window-sweep'].parameters,
  workloads['size-sweep'].parameters,
  workloads.connections.parameters,
  workloads.layouts.parameters,
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
  workloads['naive-counting'].parameters,
] as const;

const workload = z.discriminatedUnion('name', parametersOfWorkloads, {
  error: (issue) => {
    if (issue.code !== 'invalid_union') return undefined;
    const named = (issue.input as { readonly name?: unknown } | null)?.name;
    const known = Object.keys(workloads);
    const suggestion = typeof named === 'string' ? nearest(named, known) : null;
    const hint = suggestion === null ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`;
    return `${JSON.stringify(named) ?? 'nothing'} is not a workload (${hint})`;
  },
});

export const scenarioSchema = z.strictObject({
  name,
  /** What `run --up` boots: a name of infra/topologies, or a path. A running pod is taken as it is. */
  topology: z.string().min(1).default('two'),
  workload,
  faults: z.array(fault).max(faultLimit).default([]),
  checks: z.array(check).default([]),
  /** Given to whatever is random; a run with the same seed makes the same choices. */
  seed: z.number().int().min(0).max(seedLimit).default(1),
});

export type Scenario = z.output<typeof scenarioSchema>;
