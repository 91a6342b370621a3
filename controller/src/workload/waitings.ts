import type { Waiting } from '@cxlpod/agent/protocol';

/** Every way for a server to wait, the default first. */
export const waitings = ['adaptive', 'spin', 'pause', 'timed', 'yield', 'sleep'] as const satisfies readonly Waiting[];
