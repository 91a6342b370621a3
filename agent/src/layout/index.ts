/** The bytes that machines share, as declared in agent/core/layout. */
import { constants } from '../generated/layout.ts';

export { codes, constants, layout, layoutHash } from '../generated/layout.ts';

/** How much of a pool, from its start, is described by the layout; the rest is free. */
export const controlBytes: number = constants.CONTROL_BYTES;
