/** What was done to one register: a key of a store. */

export interface Operation {
  readonly kind: 'read' | 'write';
  /** Which value it saw or wrote; 0 for none, also of a write: a delete. */
  readonly value: number;
  /** It took effect after this ticket, if at all, */
  readonly from: number;
  /** and before this one. Infinity: nobody knows. */
  readonly to: number;
  /** Nobody was told that it took effect: its client died in it, or is still at it. It may have, or not. */
  readonly isOpen: boolean;
}

/**
 * Says of every open operation what the reads say of it: a read that nobody heard of is nothing; a write whose value nobody saw may as well
 * never have been; one whose value nobody else wrote, and somebody saw, was there before the first who saw it was answered. What
 * is left open are writes of a value that others wrote as well: deletes.
 */
export function settle<Of extends Operation>(operations: readonly Of[], initial: number): Settled<Of>[] {
  const writers = new Map<number, number>([[initial, 1]]);
  const reads = new Map<number, Operation[]>();
  for (const operation of operations) {
    if (operation.kind === 'write') writers.set(operation.value, (writers.get(operation.value) ?? 0) + 1);
    else if (!operation.isOpen) {
      const known = reads.get(operation.value);
      if (known === undefined) reads.set(operation.value, [operation]);
      else known.push(operation);
    }
  }
  return operations.flatMap((of): Settled<Of>[] => {
    const { kind, value, from, to, isOpen } = of;
    if (!isOpen) return [{ of, kind, value, from, to, isOptional: false }];
    if (kind === 'read') return [];
    const seen = (reads.get(value) ?? []).filter((read) => read.to > from);
    if (seen.length === 0) return [];
    if (writers.get(value) !== 1) return [{ of, kind, value, from, to, isOptional: true }];
    const known = seen.reduce((least, read) => Math.min(least, read.to), to);
    return [{ of, kind, value, from, to: known, isOptional: false }];
  });
}

/** One that has to be in the order; `isOptional`: that may be. */
export interface Settled<Of extends Operation = Operation> extends Omit<Operation, 'isOpen'> {
  readonly of: Of;
  readonly isOptional: boolean;
}
