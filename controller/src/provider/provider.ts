/**
 * A provider makes, reaches, fences and removes machines (design D4). Everything above it is the same code, whether a
 * machine is a QEMU guest in a container (`qemu`) or a group of processes on this host (`local`).
 */
import type { Duplex } from 'node:stream';
import type { MemoryTypeReport } from '../cluster/memory-type.ts';
import type { Topology } from '../config/topology.ts';
import type { CxlpodError } from '../errors/cxlpod-error.ts';

export type ProviderName = 'qemu' | 'local';

/** What a run was made of; printed, and kept in run.json. */
export interface Environment {
  readonly provider: ProviderName;
  /** `none` for provider local: no emulation at all. */
  readonly accelerator: 'kvm' | 'tcg' | 'none';
  /** Why this accelerator, in a sentence. */
  readonly acceleratorReason: string;
  readonly hostCores: number;
  readonly hostCpu: string;
  readonly guestCpus: number;
  /** Of the device, where the topology asks for one: what each guest says that it is. */
  readonly memoryType?: MemoryTypeReport;
  readonly versions: Readonly<Record<'controller' | 'node' | 'qemu' | 'kernel' | 'guestNode' | 'image', string | null>>;
}

/** The folder of one pod on the host: state.json, keys, sockets; and its two shared files on a tmpfs. */
export interface PodPaths {
  readonly podFolder: string;
  readonly poolFile: string;
  readonly historyFile: string;
}

export interface MachinePlan {
  readonly pod: string;
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly topology: Topology;
  readonly paths: PodPaths;
  /** Where this machine's console.log, qemu.log, qemu.cmd, agent.log go. */
  readonly logFolder: string;
}

export interface Provider {
  readonly name: ProviderName;
  /** Refuses what cannot work before anything is created (no engine, no image, QEMU too old); chooses the accelerator. */
  prepare(topology: Topology, signal: AbortSignal): Promise<Environment>;
  /** Creates what machines share: network, pool and history files. */
  createShared(pod: string, topology: Topology, paths: PodPaths, signal: AbortSignal): Promise<void>;
  createMachine(plan: MachinePlan, environment: Environment, signal: AbortSignal): Promise<Machine>;
  /** A machine that an earlier controller created, e.g. for `status`, `exec`, `run` on a running pod. */
  openMachine(plan: MachinePlan): Promise<Machine>;
  /** Ends and removes this provider's machines of the pod, and their network; says what there was. Files are not its matter. */
  removeAll(pod: string): Promise<readonly string[]>;
  /** What carries the pod's mark now, in words: looked for anew, for whoever has removed it all. */
  whatIsLeft(pod: string): Promise<readonly string[]>;
}

/** `console` and `qemu` are of provider qemu alone. */
export const machineLogs = ['console', 'qemu', 'agent'] as const;
export type MachineLog = (typeof machineLogs)[number];

export interface Machine {
  readonly name: string;
  readonly number: number;
  /** Waits until commands can run on it; names the state it waits for in `onState`. */
  ready(signal: AbortSignal, onState: (state: string) => void): Promise<void>;
  /** The folder of the agent bundle on the machine. */
  readonly agentFolder: string;
  readonly poolPath: string;
  readonly historyPath: string;
  /** This machine's address on the pod network, for workloads that use sockets. */
  readonly podAddress: string;
  upload(files: readonly { readonly from: string; readonly to: string; readonly executable: boolean }[]): Promise<void>;
  exec(
    argv: readonly string[],
    options?: { readonly timeoutMs?: number; readonly stdin?: string },
  ): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Starts the agent daemon, detached from this controller. */
  startAgent(): Promise<void>;
  /** A byte stream to the agent's unix socket; can be opened again after it is lost. */
  connectAgent(signal: AbortSignal): Promise<Duplex>;
  /** An interactive shell, for `cxlpod shell`; resolves with its exit code. */
  shell(): Promise<number>;
  /**
   * Powers the machine off and resolves when its end has been *seen* (design D7). `kill` is a SIGKILL to all of it, and works on one that is
   * frozen; `monitor` tells QEMU to quit (for provider local the same as `kill`).
   */
  powerOff(how?: 'kill' | 'monitor'): Promise<void>;
  /** Starts a machine that was powered off; `ready` waits for it. Nothing that ran on it runs again, and its agent must be uploaded anew. */
  powerOn(): Promise<void>;
  isAlive(): Promise<boolean>;
  /** Why the agent will not answer any more; null while it may only be slow. */
  whyUnreachable(): Promise<CxlpodError | null>;
  /**
   * Freezes the machine, which keeps its memory and its mappings, and resolves when it stands still. `cpus`: its CPUs stop; `container`: QEMU
   * itself with its monitor is frozen, too. For provider local both stop all its processes.
   */
  pause(how?: 'cpus' | 'container'): Promise<void>;
  resume(how?: 'cpus' | 'container'): Promise<void>;
  isFrozen(): Promise<boolean>;
  /** The share of one host CPU, between 0 and 1, that all of the machine may use, or one worker of it; null for as much as there is. */
  limitCpu(share: number | null, pid?: number): Promise<void>;
  /** How often it was held back for that, from its start. */
  throttledPeriods(pid?: number): Promise<number>;
  /** SIGKILLs the agent's daemon alone, and resolves when its end has been seen. `startAgent` starts the next one. */
  killAgent(): Promise<void>;
  /** Asks QEMU's monitor; a usage error where there is none (provider local). */
  monitor(command: string, parameters: object): Promise<unknown>;
  /** Pulls or plugs the cable of one network of the machine; a usage error where machines have none (provider local). */
  setLink(network: 'control' | 'pod', up: boolean): Promise<void>;
  /** What it has written, from this byte on; empty where there is no such log (yet). */
  readLog(log: MachineLog, fromByte?: number): Promise<Buffer>;
  /** How often it had to be started once more because its console fell silent during boot. */
  readonly bootRestarts: number;
  /** Closes this controller's own connections; the machine lives on. */
  close(): Promise<void>;
}
