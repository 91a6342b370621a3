/** The request of a call with references: checked, and kept as it was when the call was made for as long as it may be sent. */
import type { Ref } from '../shm/ref.ts';
import { dropAll, type HeapRequest } from './heap-message.ts';
import { copyOf } from './message-parts.ts';
import { RpcError } from './rpc-error.ts';
import type { Method } from './service.ts';

/** Throws RpcError BAD_ARGUMENT. */
export function checkedRequest(request: HeapRequest, { name, payload }: Method): HeapRequest {
  const count = request.refs?.length ?? 0;
  if (payload.kind !== 'heap' || payload.takes === undefined || payload.takes === count) return request;
  throw new RpcError('BAD_ARGUMENT', `${name} takes ${payload.takes} references, not ${count}`);
}

/** Throws RpcError FAILED, and drops what came, when a server gives more or less than the service says. */
export function checkAnswer(refs: readonly Ref[], { name, payload }: Method): void {
  if (payload.kind !== 'heap' || payload.gives === undefined || payload.gives === refs.length) return;
  dropAll(refs);
  throw new RpcError('FAILED', `${name} was answered with ${refs.length} references instead of ${payload.gives}`);
}

export class KeptRequest {
  #request: HeapRequest;
  readonly #moved: readonly Ref[];
  #isKept = false;
  #isOver = false;

  constructor(request: HeapRequest) {
    this.#request = request;
    this.#moved = request.move === true ? (request.refs ?? []) : [];
  }

  get request(): HeapRequest {
    return this.#request;
  }

  /** Whoever made the request may change its bytes and drop its refs from here on. Throws HeapError SPENT_REF. */
  keep(): HeapRequest {
    if (this.#isKept || this.#isOver) return this.#request;
    const { bytes, refs = [] } = this.#request;
    const clones: Ref[] = [];
    try {
      for (const ref of refs) clones.push(ref.clone());
    } catch (error) {
      dropAll(clones);
      throw error;
    }
    this.#isKept = true;
    dropAll(this.#moved);
    this.#request = bytes === undefined ? { refs: clones } : { refs: clones, bytes: copyOf(bytes) };
    return this.#request;
  }

  /** The call is over: what was moved and is still here goes. */
  drop(): void {
    this.#isOver = true;
    dropAll(this.#moved);
    if (this.#isKept) dropAll(this.#request.refs ?? []);
  }
}
