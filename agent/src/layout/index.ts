/** The bytes that machines share, as declared in agent/core/layout. */
import { constants, layoutVersion } from '../generated/layout.ts';

export { codes, constants, layout, layoutVersion } from '../generated/layout.ts';

/** The same, for a handshake that calls it a hash. */
export const layoutHash: string = layoutVersion;

/** How much of a pool, from its start, is described by the layout; the rest is free. */
export const controlBytes: number = constants.CONTROL_BYTES;
