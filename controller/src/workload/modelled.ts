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

/** A receiver that takes references as fast as they come, past the cache at each look and in the fast mode: docs/rpc-cost.md. */
export interface ModelledReceiver {
  /** Lines of the device that it waits for, for one reference. */
  readonly pastTheCache: number;
  /** When prefetches are ignored, and when each has come in time. */
  readonly fast: { readonly serial: number; readonly ahead: number };
  /** Of the throughput. */
  readonly factor: { readonly low: number; readonly high: number };
  /** Oasis, on hardware. */
  readonly publishedFactor: number;
}

const waitsPast = 1;
const waitsFast = { serial: 1 / 8, ahead: 1 / 16 } as const;

export const modelledReceiver: ModelledReceiver = {
  pastTheCache: waitsPast,
  fast: waitsFast,
  factor: { low: waitsPast / waitsFast.serial, high: waitsPast / waitsFast.ahead },
  publishedFactor: 29,
};
