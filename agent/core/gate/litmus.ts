import { add64, load64, publish64, store64, swap64 } from '../memory/memory';
import { poolBase } from '../place/place';
import { GATE_OFFSET, LINE_BYTES } from '../layout/regions';
import {
  GATE_CELL_BYTES,
  GATE_CELL_COUNT,
  GATE_CELLS_OFFSET,
  GATE_FORBIDDEN,
  LITMUS_MESSAGE_PASSING,
  LITMUS_READ_COHERENCE,
  LITMUS_STORE_BUFFERING,
  LITMUS_SWAP_ONE_WINNER,
  LITMUS_WORDS_OF_ONE_LINE,
} from '../layout/gate';
import { counterLine } from './gate';

// Litmus tests between machines (memory-model.md, column COH). A run is one cell: a line for x and a line for y. All machines walk
// the cells at the same time; what must not happen is counted by who sees it, or judged by machine 1 after the barrier.

/** Looks that a reader spends on one cell before it goes on: enough to meet the writer, few enough to end. */
const LOOKS_PER_CELL: u32 = 256;

function x(cell: u32): usize {
  return poolBase + GATE_OFFSET + GATE_CELLS_OFFSET + cell * GATE_CELL_BYTES;
}

function y(cell: u32): usize {
  return x(cell) + LINE_BYTES;
}

export function gateClearCells(): void {
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) {
    for (let word: u32 = 0; word < GATE_CELL_BYTES; word += 8) publish64(x(cell) + word, 0);
  }
}

/** `role`: 0 and 1 are the two parties, anything else watches or stays away. Returns the forbidden outcomes this machine saw. */
export function gateLitmus(test: u32, role: u32, machine: u32): u32 {
  let forbidden: u32 = 0;
  if (test == LITMUS_MESSAGE_PASSING) forbidden = messagePassing(role);
  if (test == LITMUS_STORE_BUFFERING) storeBuffering(role);
  if (test == LITMUS_SWAP_ONE_WINNER) swapOneWinner(machine);
  if (test == LITMUS_WORDS_OF_ONE_LINE) wordsOfOneLine(machine);
  if (test == LITMUS_READ_COHERENCE) forbidden = readCoherence(role);
  if (forbidden != 0) add64(counterLine(GATE_FORBIDDEN + test), <u64>forbidden);
  return forbidden;
}

/** `x=1; y=1` against `r=y; s=x`: r=1 and s=0. */
function messagePassing(role: u32): u32 {
  let forbidden: u32 = 0;
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) {
    if (role == 0) {
      store64(x(cell), 1);
      publish64(y(cell), 1);
      continue;
    }
    for (let looks: u32 = 0; looks < LOOKS_PER_CELL; looks++) {
      if (load64(y(cell)) == 0) continue;
      if (load64(x(cell)) == 0) forbidden++;
      break;
    }
  }
  return forbidden;
}

/** `x=1; r=y` against `y=1; s=x`, both stores sequentially consistent: r=0 and s=0. What was read is left beside, plus one. */
function storeBuffering(role: u32): void {
  if (role > 1) return;
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) {
    const mine: usize = role == 0 ? x(cell) : y(cell);
    const other: usize = role == 0 ? y(cell) : x(cell);
    publish64(mine, 1);
    const seen: u64 = load64(other);
    publish64(mine + 8, seen + 1);
  }
}

/** All swap the same word once: more or fewer than one winner. */
function swapOneWinner(machine: u32): void {
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) {
    if (swap64(x(cell), 0, <u64>machine) == 0) add64(y(cell), 1);
  }
}

/** Each machine writes its own word of the cell: a word that is not there afterwards. */
function wordsOfOneLine(machine: u32): void {
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) publish64(x(cell) + (machine - 1) * 8, <u64>cell + 1);
}

/** One machine counts a word up, the others read it again and again: a value smaller than the one before. */
function readCoherence(role: u32): u32 {
  const last: u64 = <u64>GATE_CELL_COUNT;
  if (role == 0) {
    for (let value: u64 = 1; value <= last; value++) publish64(x(0), value);
    return 0;
  }
  let forbidden: u32 = 0;
  let before: u64 = 0;
  for (let looks: u32 = 0; looks < GATE_CELL_COUNT * LOOKS_PER_CELL && before != last; looks++) {
    const value: u64 = load64(x(0));
    if (value < before) forbidden++;
    before = value;
  }
  return forbidden;
}

/** What only a look at all cells can tell; by machine 1, after the barrier. Returns and counts the forbidden outcomes. */
export function gateJudge(test: u32, machines: u32): u32 {
  let forbidden: u32 = 0;
  for (let cell: u32 = 0; cell < GATE_CELL_COUNT; cell++) {
    if (test == LITMUS_STORE_BUFFERING && load64(x(cell) + 8) == 1 && load64(y(cell) + 8) == 1) forbidden++;
    if (test == LITMUS_SWAP_ONE_WINNER && load64(y(cell)) != 1) forbidden++;
    if (test == LITMUS_WORDS_OF_ONE_LINE) {
      for (let machine: u32 = 0; machine < machines; machine++) {
        if (load64(x(cell) + machine * 8) != <u64>cell + 1) forbidden++;
      }
    }
  }
  if (forbidden != 0) add64(counterLine(GATE_FORBIDDEN + test), <u64>forbidden);
  return forbidden;
}
