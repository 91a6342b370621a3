/**
 * What the pool refuses, told as: what failed (`message`), what to try (`hint`), and a stable `code` that programs match on.
 */
export type PoolErrorCode =
  | 'ADDON_MISSING'
  | 'CORE_MISSING'
  | 'POOL_NOT_FOUND'
  | 'POOL_TRUNCATED'
  | 'POOL_TOO_LARGE'
  | 'POOL_UNALIGNED'
  | 'MAP_FAILED'
  | 'POOL_NOT_FORMATTED'
  | 'POOL_WRONG_MAGIC'
  | 'POOL_WRONG_LAYOUT'
  | 'POOL_WRONG_SIZE'
  | 'HISTORY_WRONG_MAGIC'
  | 'FORMAT_IN_PROGRESS'
  | 'BAD_HEAP_SHAPE'
  | 'HEAP_DOES_NOT_FIT'
  | 'CLIENT_TABLE_FULL'
  | 'NOT_JOINED'
  | 'NOT_FENCED'
  | 'RECOVERERS_BUSY'
  | 'UNKNOWN_CRASH_POINT'
  | 'BARRIER_TIMEOUT'
  | 'TIMEOUT'
  | 'ABORTED';

export class PoolError extends Error {
  override readonly name = 'PoolError';
  readonly code: PoolErrorCode;
  readonly hint: string | undefined;

  constructor(code: PoolErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
