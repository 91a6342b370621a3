/**
 * Whether a history of a store is linearizable, strictly: an operation of a client that died takes effect before its recovery ends, or never.
 * Keys are independent of each other, so each is looked at alone.
 */
import type { HistoryRecord } from '../history/read.ts';
import { type Budget, explain } from './linearize/explain.ts';
import { type KvOperation, readOperations } from './linearize/read-operations.ts';
import { shrink } from './linearize/shrink.ts';

export interface KvHistoryOptions {
  /** Version of a key before the history begins; 0 for no value. Not given: 0. */
  readonly loadedVersion?: (key: number) => number;
  /** For all keys together, in states; what goes beyond is not judged. */
  readonly stepLimit?: number;
  /** States of one key at once. */
  readonly stateLimit?: number;
  /** Looked at now and then; true: what is not judged yet is not judged. */
  readonly isOver?: () => boolean;
}

export interface KvHistory {
  readonly operations: number;
  readonly keys: number;
  /** Whose operations no order explains, by key; the first ones shrunk. */
  readonly violations: readonly KvViolation[];
  /** Of how many keys. */
  readonly violated: number;
  /** Keys on which the judge gave up. */
  readonly unjudged: readonly { readonly key: number; readonly why: string }[];
  /** States that were made. */
  readonly steps: number;
}

export interface KvViolation {
  readonly key: number;
  readonly loadedVersion: number;
  /** None of them can be spared, in the order of their begins. */
  readonly operations: readonly KvOperation[];
  readonly sentence: string;
}

const defaultSteps = 20_000_000;
const defaultStates = 20_000;
/** Beyond the first few nobody looks. */
const shownLimit = 3;
/** Of the steps, for shrinking one. */
const shrinkShare = 0.25;

export function checkKvHistory(records: readonly HistoryRecord[], options: KvHistoryOptions = {}): KvHistory {
  const { loadedVersion = () => 0, stepLimit = defaultSteps, stateLimit = defaultStates, isOver } = options;
  const budgetOf = (steps: number): Budget => ({ steps, states: stateLimit, ...(isOver === undefined ? {} : { isOver }) });
  const byKey = readOperations(records);
  const budget = budgetOf(stepLimit);
  const violations: KvViolation[] = [];
  const unjudged: { key: number; why: string }[] = [];
  let violated = 0;
  let operations = 0;
  for (const [key, ofKey] of byKey) {
    operations += ofKey.length;
    const initial = loadedVersion(key);
    if (isOver?.() === true) {
      unjudged.push({ key, why: 'the time that was allowed is used up' });
      continue;
    }
    const explained = explain(ofKey, initial, budget);
    if (explained.found === 'gave-up') unjudged.push({ key, why: explained.why });
    if (explained.found !== 'none') continue;
    violated++;
    if (violations.length === shownLimit) continue;
    const few = shrink(ofKey, { initial, last: explained.last, budget: budgetOf(stepLimit * shrinkShare) });
    violations.push({ key, loadedVersion: initial, operations: few, sentence: tell(key, initial, few) });
  }
  return { operations, keys: byKey.size, violations, violated, unjudged, steps: stepLimit - budget.steps };
}

/** The same in sentences, for a history of which all versions of a key can be judged. */
export function kvProblems(records: readonly HistoryRecord[], options: KvHistoryOptions = {}): readonly string[] {
  const { violations, unjudged } = checkKvHistory(records, options);
  return [...violations.map(({ sentence }) => sentence), ...unjudged.map(({ key, why }) => `key ${key} was not judged: ${why}`)];
}

const toldLimit = 6;

function tell(key: number, loaded: number, operations: readonly KvOperation[]): string {
  const told = operations.slice(0, toldLimit).map(tellOne);
  const more = operations.length > told.length ? [`and ${operations.length - told.length} more`] : [];
  const before = loaded === 0 ? 'without a value' : `with version ${loaded}`;
  return `key ${key}, ${before} at first, has no order of these: ${[...told, ...more].join('; ')}`;
}

function tellOne({ name, value, client, incarnation, from, answered, recovered }: KvOperation): string {
  const seen = value === 0 ? 'no value' : `version ${value}`;
  const did =
    name === 'put' ? `put version ${value}` : name === 'delete' ? 'deleted it' : answered === null ? 'looked' : `saw ${seen}`;
  const when = answered === null ? `begun at ${from}, never answered` : `from ${from} to ${answered}`;
  const dead = recovered === null ? '' : `, recovered at ${recovered}`;
  return `client ${client} (incarnation ${incarnation}) ${did} (${when}${dead})`;
}
