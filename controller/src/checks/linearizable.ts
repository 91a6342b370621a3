import { checkKvHistory, type KvOperation, type KvViolation } from '@cxlpod/agent/kv';
import type { Evidence } from '../runs/evidence.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { recoveredOf } from './read-calls.ts';

/** What every record of a loaded store has at first. */
const loadedVersion = 1;
/** Some ten seconds of an idle core; a limit in steps gives the same verdict again. The time is for machines that are busy. */
const stepLimit = 60_000_000;
const timeLimitMs = 60_000;

/** The fewest operations on a key that have no order, as the report draws them. */
export interface CounterExample extends Omit<KvViolation, 'operations'> {
  readonly operations: readonly Omit<KvOperation, 'kind' | 'to' | 'isOpen'>[];
}

export const linearizable: Check = {
  name: 'linearizable',
  sentence:
    'Puts, gets and deletes of each key are in an order in which every get sees the last value; what the dead began takes effect before their recovery ends, or never.',
  check: ({ history, scenario }) => {
    if (history === null) return unknown('The history could not be read.');
    const { records, overflow } = history;
    if (overflow > 0) return unknown(`${overflow} records found no room in the history.`, { overflow });
    const startMs = performance.now();
    const judged = checkKvHistory(records, {
      loadedVersion: loadedOf(scenario),
      stepLimit,
      isOver: () => performance.now() - startMs > timeLimitMs,
    });
    const { operations, keys, violations, violated, unjudged, steps } = judged;
    const recoveries = recoveredOf(records).length;
    const facts = { operations, keys, recoveries, steps, tookMs: Math.round(performance.now() - startMs) };
    if (operations === 0) return unknown('The history has no operation on a store: the workload was not told to write it.');
    const [first] = violations;
    if (first !== undefined) {
      return invalid(`No order explains the history of ${violated} of ${keys} keys; ${first.sentence}.`, {
        ...facts,
        violated,
        counterExamples: violations.map(shown),
      });
    }
    if (unjudged.length > 0) {
      return unknown(
        `The search gave up on ${unjudged.length} of ${keys} keys: on key ${unjudged[0]!.key}, since ${unjudged[0]!.why}.`,
        {
          ...facts,
          unjudged,
        },
      );
    }
    return valid(`${operations.toLocaleString('en-US')} operations have an order that explains all of them.`, facts);
  },
};

function loadedOf({ workload }: Evidence['scenario']): (key: number) => number {
  return (key) => (workload.name === 'kv' && key < workload.records ? loadedVersion : 0);
}

/** Without what JSON cannot say. */
function shown(violation: KvViolation): CounterExample {
  return { ...violation, operations: violation.operations.map(({ kind: _, to: __, isOpen: ___, ...operation }) => operation) };
}
