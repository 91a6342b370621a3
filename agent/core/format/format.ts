import { load64, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { historyBase, poolBase, poolSizeBytes } from '../place/place';
import { ALREADY, BAD_ARGUMENT, IN_PROGRESS, NOT_BLANK, OK } from '../codes/codes';
import { crashPoint, COMMIT_WAS_STOLEN, invariant } from '../crash-points/crash-point';
import {
  FORMAT_AFTER_CLAIM,
  FORMAT_AFTER_CLEAR,
  FORMAT_AFTER_COMMIT,
  FORMAT_AFTER_DESCRIBE,
  FORMAT_AFTER_HEAP,
  FORMAT_AFTER_HISTORY,
  FORMAT_AFTER_REGIONS,
} from '../crash-points/catalogue';
import { forgetRecords, historyCapacity } from '../history/history';
import { FORMAT_BLANK, FORMATTED, FORMATTING, FormatWord, POOL_MAGIC, Region, Superblock } from '../layout/superblock';
import { HISTORY_MAGIC, HistoryHeader } from '../layout/history';
import { LAYOUT_VERSION } from '../layout/version';
import { LOCK_HEAP_LINE, LOCK_LINE, LockHeap, LockLine, NAIVE_READY_OFFSET } from '../layout/baselines';
import {
  BASELINE_BYTES,
  BASELINE_OFFSET,
  CLIENT_BYTES,
  CLIENT_COUNT,
  CLIENT_TABLE_OFFSET,
  CLOCK_BYTES,
  CLOCK_OFFSET,
  CONNECTION_BYTES,
  CONNECTION_COUNT,
  CONNECTIONS_OFFSET,
  CONTROL_BYTES,
  DIRECTORY_COUNT,
  DIRECTORY_ENTRY_BYTES,
  DIRECTORY_OFFSET,
  GATE_BYTES,
  GATE_OFFSET,
  FLOOR_BYTES,
  LINE_BYTES,
  POOL_LEAST_BYTES,
  REGION_BASELINE,
  REGION_CLIENT_TABLE,
  REGION_CLOCK,
  REGION_CONNECTIONS,
  REGION_COUNT,
  REGION_DIRECTORY,
  REGION_FLOOR,
  REGION_GATE,
  REGION_HEAP,
  REGION_STATISTICS,
  REGION_TABLE_OFFSET,
  REGION_WORD,
  STATISTICS_CONNECTION_BYTES,
  STATISTICS_OFFSET,
  WORD_BYTES,
  WORD_OFFSET,
} from '../layout/regions';
import { formatHeap } from '../shm/shape';
import { GateSession } from '../layout/gate';
import { BouncedWord, ClockAnswer, ClockAsk, CLOCK_ANSWER_LINE, CLOCK_ASK_LINE } from '../layout/clock';
import { Service } from '../layout/directory';
import { HistoryTicket } from '../layout/history';
import { CallerCounts, STATISTICS_CALLER_LINE, StatisticsHead } from '../layout/statistics';

/** FORMAT_*; a pool that is FORMATTED but by somebody else's rules has another magic or version: see agent/src/pool/format.ts. */
export function poolState(): u32 {
  return FormatWord.state(load64(poolBase + offsetof<Superblock>("state"))); // sees F1
}

export function formatClaimantMachine(): u32 {
  return FormatWord.machine(load64(poolBase + offsetof<Superblock>("state")));
}

export function formatClaimantProcess(): u32 {
  return FormatWord.process(load64(poolBase + offsetof<Superblock>("state")));
}

/**
 * Makes a blank pool, and its history, usable. Exactly one caller does it.
 *
 *   1. claim      Swap the blank state for { FORMATTING, this machine, this process }; or the claim of a formatter that the
 *                 caller knows to be dead (`deadMachine`, `deadProcess`).
 *   2. regions    Write the region table.
 *   3. clear      Clear every word by which clients find each other.
 *   4. heap       Write the heap's shape, clear its tables.
 *   5. history    Write the history's header, forget older records.
 *   6. describe   Write magic, version and size.
 *   7. COMMIT     Swap the claim for { FORMATTED, ... }.
 *
 * Dead before 7: the claim names the dead; whoever knows it dead takes over and writes all of it again. Dead after 7: done.
 */
export function format(machine: u32, process: u32, deadMachine: u32, deadProcess: u32): i32 {
  if (poolSizeBytes < POOL_LEAST_BYTES) return BAD_ARGUMENT;
  const stateAddress: usize = poolBase + offsetof<Superblock>("state");
  const claim: u64 = FormatWord.pack(FORMATTING, machine, process);
  // The magic first: whoever formats claims the state before it writes the magic, so a magic that was there while the state is still
  // blank is somebody else's.
  const magic: u64 = load64(poolBase + offsetof<Superblock>("magic"));
  const seen: u64 = load64(stateAddress);
  const seenState: u32 = FormatWord.state(seen);
  if (seenState == FORMATTED) {
    return load64(poolBase + offsetof<Superblock>("magic")) == POOL_MAGIC ? ALREADY : NOT_BLANK;
  }
  if (seenState == FORMATTING) {
    const byTheDead: bool = FormatWord.machine(seen) == deadMachine && FormatWord.process(seen) == deadProcess;
    if (!byTheDead) return IN_PROGRESS;
  } else if (seen != 0 || magic != 0) {
    return NOT_BLANK;
  }
  if (swap64(stateAddress, seen, claim) != seen) return IN_PROGRESS;
  crashPoint(FORMAT_AFTER_CLAIM);
  if (mutant(1)) swap64(stateAddress, claim, FormatWord.pack(FORMATTED, machine, process));

  writeRegions();
  crashPoint(FORMAT_AFTER_REGIONS);

  clearControl();
  crashPoint(FORMAT_AFTER_CLEAR);

  formatHeap();
  crashPoint(FORMAT_AFTER_HEAP);

  forgetRecords();
  store64(historyBase + offsetof<HistoryHeader>("magic"), HISTORY_MAGIC);
  store64(historyBase + offsetof<HistoryHeader>("layoutVersion"), LAYOUT_VERSION);
  store64(historyBase + offsetof<HistoryHeader>("capacity"), historyCapacity());
  crashPoint(FORMAT_AFTER_HISTORY);

  store64(poolBase + offsetof<Superblock>("magic"), POOL_MAGIC);
  store64(poolBase + offsetof<Superblock>("layoutVersion"), LAYOUT_VERSION);
  store64(poolBase + offsetof<Superblock>("sizeBytes"), <u64>poolSizeBytes);
  store64(poolBase + offsetof<Superblock>("regionCount"), <u64>REGION_COUNT);
  crashPoint(FORMAT_AFTER_DESCRIBE);

  if (mutant(1)) return OK;
  const before: u64 = swap64(stateAddress, claim, FormatWord.pack(FORMATTED, machine, process)); // publishes F1
  invariant(before == claim, COMMIT_WAS_STOLEN);
  crashPoint(FORMAT_AFTER_COMMIT);
  return OK;
}

function writeRegions(): void {
  writeRegion(0, REGION_CLIENT_TABLE, CLIENT_COUNT, CLIENT_BYTES, CLIENT_TABLE_OFFSET, CLIENT_COUNT * CLIENT_BYTES);
  writeRegion(1, REGION_DIRECTORY, DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES, DIRECTORY_OFFSET, DIRECTORY_COUNT * DIRECTORY_ENTRY_BYTES);
  writeRegion(2, REGION_CLOCK, 1, CLOCK_BYTES, CLOCK_OFFSET, CLOCK_BYTES);
  writeRegion(3, REGION_WORD, 1, WORD_BYTES, WORD_OFFSET, WORD_BYTES);
  writeRegion(4, REGION_GATE, 1, GATE_BYTES, GATE_OFFSET, GATE_BYTES);
  writeRegion(5, REGION_CONNECTIONS, CONNECTION_COUNT, CONNECTION_BYTES, CONNECTIONS_OFFSET, CONNECTION_COUNT * CONNECTION_BYTES);
  writeRegion(6, REGION_BASELINE, 1, BASELINE_BYTES, BASELINE_OFFSET, BASELINE_BYTES);
  const statisticsBytes: u32 = CONNECTION_COUNT * STATISTICS_CONNECTION_BYTES;
  writeRegion(7, REGION_STATISTICS, CONNECTION_COUNT, STATISTICS_CONNECTION_BYTES, STATISTICS_OFFSET, statisticsBytes);
  writeRegion(8, REGION_FLOOR, 1, FLOOR_BYTES, CONTROL_BYTES, FLOOR_BYTES);
  const heapBytes: u32 = poolSizeBytes - CONTROL_BYTES - FLOOR_BYTES;
  writeRegion(9, REGION_HEAP, 1, heapBytes, CONTROL_BYTES + FLOOR_BYTES, heapBytes);
}

function writeRegion(index: u32, kind: u32, count: u32, entryBytes: u32, offset: u32, sizeBytes: u32): void {
  const entry: usize = poolBase + REGION_TABLE_OFFSET + index * 32;
  store32(entry + offsetof<Region>("kind"), kind);
  store32(entry + offsetof<Region>("count"), count);
  store64(entry + offsetof<Region>("entryBytes"), <u64>entryBytes);
  store64(entry + offsetof<Region>("offset"), <u64>offset);
  store64(entry + offsetof<Region>("sizeBytes"), <u64>sizeBytes);
}

/** Only the words that say whether the rest means anything: what hangs on them is cleared by who claims it. */
function clearControl(): void {
  for (let client: u32 = 0; client < CLIENT_COUNT; client++) {
    const entry: usize = poolBase + CLIENT_TABLE_OFFSET + client * CLIENT_BYTES;
    for (let line: u32 = 0; line < CLIENT_BYTES; line += LINE_BYTES) store64(entry + line, 0);
  }
  for (let service: u32 = 0; service < DIRECTORY_COUNT; service++) {
    const entry: usize = poolBase + DIRECTORY_OFFSET + service * DIRECTORY_ENTRY_BYTES;
    store64(entry + offsetof<Service>("nameHash"), 0);
    store64(entry + offsetof<Service>("nameBytes"), 0);
    store64(entry + offsetof<Service>("connection"), 0);
  }
  for (let connection: u32 = 0; connection < CONNECTION_COUNT; connection++) {
    store64(poolBase + CONNECTIONS_OFFSET + connection * CONNECTION_BYTES, 0);
    const statistics: usize = poolBase + STATISTICS_OFFSET + connection * STATISTICS_CONNECTION_BYTES;
    store64(statistics + offsetof<StatisticsHead>("epoch"), 0);
    store64(statistics + STATISTICS_CALLER_LINE + offsetof<CallerCounts>("epoch"), 0);
  }
  store64(poolBase + CLOCK_OFFSET + CLOCK_ASK_LINE + offsetof<ClockAsk>("number"), 0);
  store64(poolBase + CLOCK_OFFSET + CLOCK_ANSWER_LINE + offsetof<ClockAnswer>("number"), 0);
  store64(poolBase + WORD_OFFSET + offsetof<BouncedWord>("value"), 0);
  store64(poolBase + GATE_OFFSET + offsetof<GateSession>("number"), 0);
  store64(poolBase + GATE_OFFSET + offsetof<GateSession>("joined"), 0);
  store64(poolBase + GATE_OFFSET + offsetof<GateSession>("started"), 0);
  store64(poolBase + BASELINE_OFFSET + LOCK_LINE + offsetof<LockLine>("word"), 0);
  store64(poolBase + BASELINE_OFFSET + LOCK_HEAP_LINE + offsetof<LockHeap>("ready"), 0);
  store64(poolBase + BASELINE_OFFSET + NAIVE_READY_OFFSET, 0);
}
