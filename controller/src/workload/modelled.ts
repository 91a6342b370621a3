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
