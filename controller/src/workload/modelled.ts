/**
 * What a call would take on a CXL device, as an interval: nothing here is measured in time. The accesses on the path of a call are counted by the
 * simulator (docs/rpc-cost.md; a test holds both against each other); what one takes on hardware is a range from the literature.
 */
import { publishedModel } from './published.ts';

export interface ModelledLatency {
  /** Of the device, that a call of 64 bytes has to wait for. */
  readonly accesses: number;
  /** Of these, on which another one of the same message need not wait: entry and payload can be fetched together. */
  readonly serialAccesses: number;
  readonly accessNs: { readonly low: number; readonly high: number };
  /** All that can be fetched together is, from a near device; to nothing is, from a far one. */
  readonly lowNs: number;
  readonly highNs: number;
  readonly published: typeof publishedModel;
}

/** Loads from CXL memory, from directly attached to behind a switch. */
const accessNs = { low: 250, high: 750 } as const;

export const modelledCall: ModelledLatency = {
  accesses: 4,
  serialAccesses: 2,
  accessNs,
  lowNs: 2 * accessNs.low,
  highNs: 4 * accessNs.high,
  published: publishedModel,
};

/**
 * A receiver that takes references as fast as they come, past the cache at each look and in the fast mode, both sides saturated: docs/rpc-cost.md.
 * Throughput is a ratio of times at the device, software not counted.
 */
export interface ModelledReceiver {
  /** Entries of the ring: a lap. */
  readonly window: number;
  /** Lines of the device that it waits for, for one reference. */
  readonly pastTheCache: number;
  /** When prefetches are ignored, and when each has come in time. */
  readonly fast: { readonly serial: number; readonly ahead: number };
  /** `ignored`: a processor that fetches nothing ahead. `low`: what is fetched ahead takes as long as a miss. `high`: it has come when it is needed. */
  readonly factor: { readonly ignored: number; readonly low: number; readonly high: number };
  /** Oasis, on hardware. */
  readonly publishedFactor: number;
}

const entriesPerLine = 8;

export function modelledReceiver(window: number): ModelledReceiver {
  const lines = window / entriesPerLine;
  // The first line of a lap is waited for, then as many of the others at once as are fetched ahead (`fetchAhead` in agent/core/rpc/ring.ts).
  const inARow = 1 + Math.ceil((lines - 1) / (lines / 2));
  return {
    window,
    pastTheCache: 1,
    fast: { serial: 1 / entriesPerLine, ahead: 1 / window },
    factor: { ignored: entriesPerLine, low: window / inARow, high: window },
    publishedFactor: 29,
  };
}
