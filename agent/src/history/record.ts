/** Writes history records from a pool thread; they survive SIGKILL and power-off. */
import { codes } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';

/** Operations that a history can name. */
export const operations = {
  'rpc-call': 1,
  'rpc-serve': 2,
  'kv-put': 20,
  'kv-get': 21,
  'kv-delete': 22,
  'queue-send': 30,
  'queue-receive': 31,
  'queue-push': 40,
  'queue-pop': 41,
  program: 60,
} as const;
export type Operation = keyof typeof operations;

export const outcomes = { ok: 0, refused: 1, unknown: 2, 'peer-lost': 3, timeout: 4, closed: 5, failed: 6 } as const;
export type Outcome = keyof typeof outcomes;

/** Returns false when the history is full; the overflow is counted in its header. `call` pairs it with its end. */
export function recordInvoke(
  core: Core,
  record: { readonly operation: Operation; readonly call: number; readonly argument?: number },
): boolean {
  const { operation, call, argument = 0 } = record;
  return core.exports.recordInvoke(operations[operation], low(call), high(call), low(argument), high(argument)) === codes.OK;
}

export function recordEnd(
  core: Core,
  record: { readonly operation: Operation; readonly call: number; readonly outcome: Outcome; readonly result?: number },
): boolean {
  const { operation, call, outcome, result = 0 } = record;
  return (
    core.exports.recordEnd(operations[operation], low(call), high(call), outcomes[outcome], low(result), high(result)) ===
    codes.OK
  );
}

function low(value: number): number {
  return value % 2 ** 32;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32);
}
