/** Formats a pool exactly once, and refuses by name what is no pool of ours. */
import { codes, constants, layout, layoutHash } from '../layout/index.ts';
import type { Core } from './core.ts';
import { type HeapOptions, handOverPlan, planHeap } from './heap-shape.ts';
import { PoolError } from './pool-error.ts';

interface Formatter {
  readonly machineNumber: number;
  readonly pid: number;
}

export interface FormatOptions {
  readonly machineNumber: number;
  readonly deadFormatter?: Formatter;
  /** The heap of CXL-SHM; `false` for none. Nothing: one with defaults, or none in a pool that is too small for it. */
  readonly heap?: HeapOptions | false;
}

/**
 * Formats a blank pool (and its history) exactly once; returns whether this call did it. A pool that is formatted already is
 * checked as by `checkPool`. Takes over from a formatter of the same machine whose process is gone; a live or remote one is
 * refused with FORMAT_IN_PROGRESS, unless `deadFormatter` names it, which the caller may do only after seeing its end.
 * Throws PoolError as `checkPool`, and BAD_HEAP_SHAPE, HEAP_DOES_NOT_FIT. A pool that is formatted keeps the heap it has.
 */
export function formatPool(core: Core, options: FormatOptions): boolean {
  const { machineNumber } = options;
  handOverPlan(core.exports, planHeap(options.heap, core.mapped.poolSizeBytes));
  core.exports.introduce(machineNumber, process.pid);
  const dead = options.deadFormatter ?? deadNeighbour(core, machineNumber);
  const code = core.exports.format(machineNumber, process.pid, dead?.machineNumber ?? 0, dead?.pid ?? 0);
  if (code === codes.OK) return true;
  if (code === codes.IN_PROGRESS) throw inProgress(core);
  if (code === codes.NOT_BLANK) throw notOurs(core);
  if (code !== codes.ALREADY) throw new Error(`format answered ${code}`);
  checkPool(core);
  return false;
}

/** The formatter whose claim stands, when it was a process of this machine and is gone. */
function deadNeighbour(core: Core, machineNumber: number): Formatter | undefined {
  if (core.exports.poolState() !== constants.FORMATTING) return undefined;
  const claimant = formatterOf(core);
  return claimant.machineNumber === machineNumber && !isAlive(claimant.pid) ? claimant : undefined;
}

function formatterOf(core: Core): Formatter {
  return { machineNumber: core.exports.formatClaimantMachine(), pid: core.exports.formatClaimantProcess() >>> 0 };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== 'ESRCH';
  }
}

/** Throws PoolError: POOL_NOT_FORMATTED, POOL_WRONG_MAGIC, POOL_WRONG_LAYOUT, POOL_WRONG_SIZE, HISTORY_WRONG_MAGIC, FORMAT_IN_PROGRESS. */
export function checkPool(core: Core): void {
  const { mapped } = core;
  const word = (field: { readonly offset: number }, base = mapped.poolBase): bigint =>
    new DataView(core.bytes.buffer, base + field.offset, 8).getBigUint64(0, true);

  const state = core.exports.poolState();
  const magic = word(layout.Superblock.magic);
  if (state === constants.FORMATTING) throw inProgress(core);
  if (state === constants.FORMAT_BLANK && magic === 0n) {
    throw new PoolError('POOL_NOT_FORMATTED', `${mapped.poolPath} holds no pool yet`, { hint: '`cluster-up` formats it' });
  }
  if (state !== constants.FORMATTED || magic !== constants.POOL_MAGIC) throw notOurs(core);

  const version = word(layout.Superblock.layoutVersion).toString(16).padStart(16, '0');
  if (version !== layoutHash) {
    throw new PoolError('POOL_WRONG_LAYOUT', `${mapped.poolPath} has layout ${version}, this agent means ${layoutHash}`, {
      hint: 'all agents of a pod must be of one build: `down`, then `up`',
    });
  }
  const sizeBytes = Number(word(layout.Superblock.sizeBytes));
  if (sizeBytes !== mapped.poolSizeBytes) {
    throw new PoolError(
      'POOL_WRONG_SIZE',
      `${mapped.poolPath} was formatted with ${sizeBytes} bytes, mapped are ${mapped.poolSizeBytes}`,
      {
        hint: 'every machine must map the whole pool',
      },
    );
  }
  const historyMagic = word(layout.HistoryHeader.magic, mapped.historyBase);
  const historyVersion = word(layout.HistoryHeader.layoutVersion, mapped.historyBase);
  if (historyMagic !== constants.HISTORY_MAGIC || historyVersion.toString(16).padStart(16, '0') !== layoutHash) {
    throw new PoolError('HISTORY_WRONG_MAGIC', `${mapped.historyPath} is not the history of this pool`, {
      hint: 'is it the right device? `status` lists the paths of each machine',
    });
  }
}

function inProgress(core: Core): PoolError {
  const { machineNumber, pid } = formatterOf(core);
  return new PoolError(
    'FORMAT_IN_PROGRESS',
    `process ${pid} of machine ${machineNumber} began to format the pool and is not done`,
    {
      hint: 'if that process is gone, `down` and `up`',
    },
  );
}

function notOurs(core: Core): PoolError {
  return new PoolError('POOL_WRONG_MAGIC', `${core.mapped.poolPath} holds something that is no pool of ours`, {
    hint: 'nothing was written; clear the memory if it may be lost',
  });
}
