/** What cxlpod needs of a container engine: a small port, so that dockerode stays in this folder. */

/** On everything that cxlpod creates; `down` finds leftovers by it. */
export const podLabel = 'cxlpod.pod';
export const machineLabel = 'cxlpod.machine';
/** The state folder of the controller that made it: two of them know nothing of each other's pods. */
export const stateLabel = 'cxlpod.state';

export interface Engine {
  version(): Promise<{ readonly version: string; readonly apiVersion: string }>;
  /** Null when the engine does not have it; images are built here, never pulled. */
  findImage(reference: string): Promise<EngineImage | null>;
  createContainer(plan: ContainerPlan): Promise<Container>;
  container(idOrName: string): Container;
  /** Containers in any state that carry the label, with this value if one is given. */
  listContainers(label: string, value?: string): Promise<readonly ListedContainer[]>;
  createNetwork(plan: { readonly name: string; readonly labels: Readonly<Record<string, string>> }): Promise<Network>;
  listNetworks(
    label: string,
    value?: string,
  ): Promise<readonly { readonly id: string; readonly name: string; readonly labels: Readonly<Record<string, string>> }[]>;
  /** Null when there is none of this name. */
  findNetwork(name: string): Promise<Network | null>;
  /** A no-op for a network that is gone. */
  removeNetwork(id: string): Promise<void>;
}

export interface EngineImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  /** In CIDR notation. */
  readonly subnet: string;
}

export interface ContainerPlan {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly hostName?: string;
  /** Null: no network at all. */
  readonly network: string | null;
  readonly binds: readonly { readonly from: string; readonly to: string; readonly readOnly?: boolean }[];
  readonly devices: readonly string[];
  readonly capabilities: readonly string[];
  /** TCP ports of the container, each published on a free port of 127.0.0.1. */
  readonly publish: readonly number[];
}

export interface ListedContainer {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerState {
  /** Also of one that is paused. */
  readonly running: boolean;
  readonly paused: boolean;
  readonly exitCode: number;
  /** The engine's own complaint, e.g. an executable that is not there. */
  readonly error: string;
  /** Where each published port of the container is on 127.0.0.1. */
  readonly publishedPorts: Readonly<Record<number, number>>;
}

export interface Container {
  readonly id: string;
  start(): Promise<void>;
  /** Null when there is no such container. */
  inspect(): Promise<ContainerState | null>;
  /** Resolves with the exit code when its end has been seen; at once for one that has ended or is gone. */
  ended(signal?: AbortSignal): Promise<number>;
  /** Asks for SIGKILL; a no-op for one that does not run. Its end is another matter: see `ended`. */
  kill(): Promise<void>;
  /** Freezes every process in it; a no-op for one that is frozen. */
  pause(): Promise<void>;
  /** A no-op for one that is not frozen. */
  unpause(): Promise<void>;
  /** How many of the host's CPUs it may use, as a fraction of time; null for no limit. */
  limitCpus(cpus: number | null): Promise<void>;
  /** In how many periods it was held back by that limit, from its start. */
  throttledPeriods(): Promise<number>;
  /** Kills and removes; a no-op for one that is gone. */
  remove(): Promise<void>;
  /** What it wrote to standard output and error, the last `lines` of it. */
  logTail(lines: number): Promise<string>;
}
