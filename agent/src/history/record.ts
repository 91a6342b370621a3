/** Writes history records from a pool thread; they survive SIGKILL and power-off. */
import type { Core } from '../pool/core.ts';

/** Operations that a history can name. */
export const operations = { 'rpc-call': 1, 'rpc-serve': 2 } as const;
export type Operation = keyof typeof operations;

export const outcomes = { ok: 0, refused: 1, unknown: 2, 'peer-lost': 3, timeout: 4, closed: 5 } as const;
export type Outcome = keyof typeof outcomes;

/** Returns false when the history is full; the overflow is counted in its header. `call` pairs it with its end. */
export function recordInvoke(_core: Core, _record: { operation: Operation; call: number; argument?: number }): boolean {
  throw new Error('not built yet');
}

export function recordEnd(
  _core: Core,
  _record: { operation: Operation; call: number; outcome: Outcome; result?: number },
): boolean {
  throw new Error('not built yet');
}
