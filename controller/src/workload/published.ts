/**
 * Figures of the HydraRPC paper (USENIX ATC 2024), of its hardware: two servers on one CXL 1.1 device, 64-byte calls. They are shown beside ours so
 * that shapes can be compared, and are never part of a figure of ours. `read` figures were read off a plot.
 */
export interface PublishedLatency {
  readonly system: string;
  readonly avgNs: number;
  readonly p95Ns: number | null;
  readonly p99Ns: number | null;
}

/** Table 1 of the paper. */
export const publishedLatencies = {
  hydraRpc: { system: 'HydraRPC', avgNs: 1_470, p95Ns: 1_730, p99Ns: 2_000 },
  grpc: { system: 'gRPC', avgNs: 100_000, p95Ns: 130_000, p99Ns: 380_000 },
  mrpc: { system: 'mRPC over RDMA', avgNs: 7_600, p95Ns: 8_310, p99Ns: 9_220 },
  rdma: { system: 'RPC over RDMA, in-house', avgNs: 5_100, p95Ns: 5_450, p99Ns: 5_740 },
  load: { system: 'one load from CXL memory', avgNs: 300, p95Ns: null, p99Ns: null },
} as const satisfies Readonly<Record<string, PublishedLatency>>;

/** Figure 5: throughput with a window over throughput without, one connection. Windows 2, 4 and 8 are read off the plot. */
export const publishedWindow = [
  { window: 1, ratio: 792 / 620 },
  { window: 2, ratio: 880 / 620 },
  { window: 4, ratio: 1020 / 620 },
  { window: 8, ratio: 1150 / 620 },
  { window: 16, ratio: 1280 / 620 },
] as const;

/** Figure 7: processor time of the server with the polling optimisation. Only the first one is in the text, the others are read off the plot. */
export const publishedCpu = [
  { callsPerSecond: 1_000, percent: 45 },
  { callsPerSecond: 10_000, percent: 57 },
  { callsPerSecond: 100_000, percent: 95 },
] as const;

/** The paper's cost model of a call: accesses of CXL memory on its path, each as long as a load, and software. */
export const publishedModel = { accesses: 4, accessNs: 300, softwareNs: 270, totalNs: 1_470 } as const;
