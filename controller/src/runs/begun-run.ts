/**
 * `begun.json` of a run folder: what another controller needs to end a run whose own one is gone. Written anew with everything that
 * happens, and every half second to say that somebody is there; removed when `run.json` is written.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { Environment } from '../provider/provider.ts';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { CrewMemory } from './crew/past-crew.ts';
import type { FaultOutcome } from './evidence.ts';
import { unreadable } from './journal.ts';
import type { RunFolder } from './run-folder.ts';
import type { ControllerGone, RunRecord } from './run-record.ts';
import type { StallMemory } from './stall-watch.ts';
import type { StrikeState } from './strike-faults.ts';

const fileName = 'begun.json';
const format = 2;
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
  /** How far each of them is, told before it is done. */
  readonly strikes: readonly StrikeState[];
  readonly recoveries: readonly RecoveryOutcome[];
  readonly crew: CrewMemory;
  /** Every worker that was started. */
  readonly hired: readonly HiredWorker[];
  readonly stalls: StallMemory | null;
  /** Those before this one: the last one that went was the last one. */
  readonly gone: readonly ControllerGone[];
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

const shape = z.looseObject({
  format: z.literal(format),
  pod: z.string(),
  controller: z.number(),
  scenario: z.looseObject({ name: z.string(), workload: z.looseObject({ name: z.string() }), faults: z.array(z.unknown()) }),
  scenarioFile: z.string(),
  topology: z.looseObject({ machines: z.array(z.string()) }),
  environment: z.looseObject({ provider: z.string() }),
  startedAt: z.iso.datetime(),
  toldAt: z.iso.datetime(),
  firstTicket: z.number(),
  faults: z.array(z.looseObject({ kind: z.string() })),
  strikes: z.array(z.enum(['waiting', 'striking', 'struck', 'healing', 'over'])),
  recoveries: z.array(z.looseObject({ id: z.number() })),
  crew: z.looseObject({ exits: z.array(z.looseObject({ key: z.string() })), boots: z.record(z.string(), z.number()) }),
  hired: z.array(z.looseObject({ pid: z.number() })),
  gone: z.array(z.looseObject({ pid: z.number() })),
});

/** Throws `NOT_BEGUN` where there is none, and `BEGUN_UNREADABLE` for what cxlpod did not write. */
export function readBegunRun(folder: RunFolder): BegunRun {
  const path = folder.join(fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError('NOT_BEGUN', `${folder.path} holds no run that is still to be ended`, {
      cause: error,
      hint: 'give the folder of a run whose controller was killed; `cxlpod check` judges one that has ended again',
    });
  }
  let begun: unknown;
  try {
    begun = JSON.parse(text);
  } catch (error) {
    throw unreadable(`${path} is not what cxlpod wrote`, error);
  }
  const read = shape.safeParse(begun);
  if (read.success && read.data.strikes.length === read.data.scenario.faults.length) return begun as BegunRun;
  const wrong = read.error?.issues[0];
  const isOther = (begun as { format?: unknown } | null)?.format !== format;
  throw unreadable(
    isOther ? `${path} was written by another version of cxlpod` : `${path} is not what cxlpod wrote`,
    new Error(wrong === undefined ? 'its faults do not agree' : `${wrong.path.join('.') || 'all of it'}: ${wrong.message}`),
  );
}

export function forgetBegunRun(folder: RunFolder): void {
  rmSync(folder.join(fileName), { force: true });
}
