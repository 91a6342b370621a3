/**
 * What the heap refuses, told as: what failed (`message`), what to try (`hint`), why (`cause`, when there is a cause), and a stable
 * `code` that programs match on. Whatever is refused has changed nothing.
 */
import { codes } from '../layout/index.ts';

export type HeapErrorCode =
  /** There is no memory for this. */
  | 'HEAP_FULL'
  /** This client holds as much as it may. */
  | 'QUOTA'
  /** 0, negative, no integer, or more than the heap has. */
  | 'BAD_SIZE'
  /** The object has no such embedded reference. */
  | 'BAD_INDEX'
  /** A name of no bytes, or of too many. */
  | 'BAD_NAME'
  /** 16383 references to one object are the limit. */
  | 'COUNT_FULL'
  /** The embedded reference refers to something already. */
  | 'OCCUPIED'
  /** Nothing refers to the object any more. */
  | 'GONE'
  /** The pool holds an offset that no object can have. */
  | 'BAD_OFFSET'
  /** The ref was dropped, or moved into a queue. */
  | 'SPENT_REF'
  /** The ref is of another client. */
  | 'FOREIGN_REF'
  | 'SELF_QUEUE'
  | 'BAD_TAG'
  | 'QUEUES_FULL'
  /** This end of the queue was closed before. */
  | 'QUEUE_CLOSED'
  | 'NO_SUCH_CLIENT'
  | 'NAMES_FULL'
  /** Another client is changing the named root. */
  | 'NAME_BUSY'
  | 'NOT_JOINED'
  | 'NO_HEAP'
  | 'NOT_COHERENT'
  /** The heap was formatted for fewer clients. */
  | 'HEAP_CLIENTS_FULL'
  | 'ALREADY_OPEN'
  | 'HEAP_CLOSED'
  /** Somebody saw this client's end, or believes so: it must stop. */
  | 'FENCED'
  /** This client's eras are used up. */
  | 'RETIRED';

/** Of HEAP_FULL and QUOTA. `quotaBytes` 0: no limit. */
export interface MemoryNumbers {
  readonly askedBytes: number;
  readonly heldBytes: number;
  readonly quotaBytes: number;
  /** What all clients share. */
  readonly heapBytes: number;
}

export class HeapError extends Error {
  override readonly name = 'HeapError';
  readonly code: HeapErrorCode;
  readonly hint: string | undefined;
  readonly numbers: MemoryNumbers | undefined;

  constructor(code: HeapErrorCode, message: string, options: { cause?: unknown; hint?: string; numbers?: MemoryNumbers } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.numbers = options.numbers;
  }
}

const refusals: Readonly<Record<number, { readonly code: HeapErrorCode; readonly message: string; readonly hint?: string }>> = {
  [codes.HEAP_FULL]: { code: 'HEAP_FULL', message: 'found no memory', hint: 'drop what is not needed, then `collect()`' },
  [codes.QUOTA]: { code: 'QUOTA', message: 'would exceed the quota of this client', hint: 'drop what is not needed' },
  [codes.COUNT_FULL]: {
    code: 'COUNT_FULL',
    message: 'found an object that has all the references it can have, 16383',
    hint: 'refer to it through objects in between',
  },
  [codes.OCCUPIED]: { code: 'OCCUPIED', message: 'found a reference there', hint: '`detach` it first, or `change` it' },
  [codes.GONE]: { code: 'GONE', message: 'found that nothing refers to the object any more' },
  [codes.BAD_OFFSET]: {
    code: 'BAD_OFFSET',
    message: 'found an offset that no object can have: somebody wrote over the pool',
    hint: '`inspect` says what else is damaged; a view that outlived its ref is a usual cause',
  },
  [codes.FENCED]: {
    code: 'FENCED',
    message: 'was refused: this client is fenced, others take over what it holds',
    hint: 'end this thread now; a new client may join',
  },
  [codes.RETIRED]: {
    code: 'RETIRED',
    message: 'was refused: the eras of this client are used up',
    hint: 'close the heap and join again, under another id',
  },
  [codes.NO_HEAP]: {
    code: 'NO_HEAP',
    message: 'found no heap in the pool',
    hint: 'format it with one: `formatPool(core, { heap })`',
  },
  [codes.NOT_COHERENT]: {
    code: 'NOT_COHERENT',
    message: 'was refused: the device does not promise that a compare-and-swap excludes other machines',
    hint: 'counts would be lost; `up` measures what a device does',
  },
  [codes.NOT_JOINED]: { code: 'NOT_JOINED', message: 'needs a thread that joined the pool', hint: '`joinPool` first' },
};

/** The error for a code of the core; `what` is the sentence's subject. */
export function heapError(what: string, code: number): HeapError {
  const refusal = refusals[code];
  if (refusal === undefined) throw new Error(`${what} was answered with code ${code}`);
  return new HeapError(refusal.code, `${what} ${refusal.message}`, refusal.hint === undefined ? {} : { hint: refusal.hint });
}

export function spentRef(what: string): HeapError {
  return new HeapError('SPENT_REF', `${what} was tried with a ref that is spent`, {
    hint: 'a ref is spent once it was dropped or moved; `clone` it for a second use',
  });
}

export function foreignRef(what: string): HeapError {
  return new HeapError('FOREIGN_REF', `${what} was tried with a ref of another client`, {
    hint: 'refs are of one thread: send the object through a queue, or give it a name',
  });
}
