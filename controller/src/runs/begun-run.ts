/**
 * `begun.json` of a run folder: what another controller needs to end a run whose own one is gone. Written anew with everything that
 * happens, and every half second to say that somebody is there; removed when `run.json` is written.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { Environment } from '../provider/provider.ts';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { FaultOutcome, SeenExit } from './evidence.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';

const fileName = 'begun.json';
const format = 1;
const everyMs = 500;

export interface BegunRun {
  readonly format: typeof format;
  readonly pod: string;
  /** The process that ran it. */
  readonly controller: number;
  /** With its random parts drawn. */
  readonly scenario: Scenario;
  readonly scenarioFile: string;
  readonly topology: RunRecord['topology'];
  readonly environment: Environment;
  readonly loadBefore: number;
  readonly startedAt: string;
  /** Where it begins in the history of the pod. */
  readonly firstTicket: number;
  /** When this was written. */
  readonly toldAt: string;
  readonly faults: readonly FaultOutcome[];
  readonly recoveries: readonly RecoveryOutcome[];
  readonly exits: readonly SeenExit[];
  /** Every worker that was started. */
  readonly hired: readonly HiredWorker[];
  readonly workerRestarts: number;
}

export interface HiredWorker {
  readonly machine: string;
  readonly worker: string;
  readonly pid: number;
}

export interface BegunFile {
  tell(): void;
  /** Nobody needs it any more. */
  remove(): void;
  /** Leaves it as it is. */
  stop(): void;
}

/** Never throws: a full disk is found out, and told, by what the run is for. */
export function keepBegunRun(folder: RunFolder, read: () => Omit<BegunRun, 'format' | 'controller' | 'toldAt'>): BegunFile {
  const path = folder.join(fileName);
  const tell = (): void => {
    try {
      const begun: BegunRun = { format, controller: process.pid, toldAt: new Date().toISOString(), ...read() };
      writeFileSync(`${path}.next`, JSON.stringify(begun));
      renameSync(`${path}.next`, path);
    } catch {}
  };
  tell();
  const timer = setInterval(tell, everyMs).unref();
  const stop = (): void => clearInterval(timer);
  return {
    tell,
    stop,
    remove: () => {
      stop();
      rmSync(path, { force: true });
    },
  };
}

/** Throws `NOT_BEGUN`. */
export function readBegunRun(folder: RunFolder): BegunRun {
  const path = folder.join(fileName);
  let begun: BegunRun;
  try {
    begun = JSON.parse(readFileSync(path, 'utf8')) as BegunRun;
  } catch (error) {
    throw usageError('NOT_BEGUN', `${folder.path} holds no run that is still to be ended`, {
      cause: error,
      hint: 'give the folder of a run whose controller was killed; `cxlpod check` judges one that has ended again',
    });
  }
  if (begun.format === format) return begun;
  throw usageError('NOT_BEGUN', `${path} was written by another version of cxlpod`);
}

export function forgetBegunRun(folder: RunFolder): void {
  rmSync(folder.join(fileName), { force: true });
}
