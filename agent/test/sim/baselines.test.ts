/** What the heaps that CXL-SHM is compared with refuse, and what lies where in their region. */
import { describe, expect, test } from 'vitest';
import { codes, constants, layout } from '../../src/layout/index.ts';
import { freshScene, looks, newcomer, problemsOf } from './baselines.ts';

const { OK, BAD_ARGUMENT, NOT_JOINED, BASELINE_NOT_OPEN, BASELINE_SLOT_TAKEN, BASELINE_SLOT_EMPTY, NOT_FOUND, FULL } = codes;

test('nothing in the region of the baselines lies in the way of anything else', () => {
  const parts = [
    [constants.LOCK_LINE, layout.LockLine.classBytes],
    [constants.LOCK_HEAP_LINE, layout.LockHeap.classBytes],
    [constants.REDO_LOG_LINE, layout.RedoLog.classBytes],
    [constants.REDO_WRITES_LINE, layout.RedoWrites.classBytes],
    [constants.LOCK_OPENERS_OFFSET, constants.BASELINE_CLIENT_LIMIT * 8],
    [constants.LOCK_BLOCKS_OFFSET, constants.LOCK_BLOCK_COUNT * 8],
    [constants.LOCK_PAYLOADS_OFFSET, constants.LOCK_BLOCK_COUNT * constants.LOCK_PAYLOAD_BYTES],
    [constants.LOCK_SLOTS_OFFSET, constants.BASELINE_CLIENT_LIMIT * constants.LOCK_SLOTS_PER_CLIENT * 8],
    [constants.NAIVE_READY_OFFSET, constants.LINE_BYTES],
    [constants.NAIVE_COUNTS_OFFSET, constants.NAIVE_BLOCK_COUNT * 8],
    [constants.NAIVE_SLOTS_OFFSET, constants.BASELINE_CLIENT_LIMIT * constants.NAIVE_SLOTS_PER_CLIENT * 8],
    [constants.BASELINE_BYTES, 0],
  ] as const;
  let end = 0;
  for (const [offset, sizeBytes] of parts) {
    expect(offset % constants.LINE_BYTES).toBe(0);
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + sizeBytes;
  }
  expect(constants.CLIENT_COUNT - constants.RECOVERER_COUNT).toBeLessThanOrEqual(constants.BASELINE_CLIENT_LIMIT);
  expect(layout.RedoWrites.value0.offset - layout.RedoWrites.offset0.offset).toBeGreaterThanOrEqual(
    constants.REDO_WRITE_LIMIT * 8,
  );
});

describe('the heap with a lock', () => {
  test('is not for who has not joined, has not opened it, or opened it in an earlier life', () => {
    const { world, victim } = freshScene();
    expect(world.client(4).core.lockOpen(looks)).toBe(NOT_JOINED);
    expect(world.client(4).core.lockAlloc(0, looks)).toBe(NOT_JOINED);
    expect(victim.core.lockAlloc(0, looks)).toBe(BASELINE_NOT_OPEN);
    expect(victim.core.lockOpen(looks)).toBe(OK);
    victim.core.leave();
    victim.core.join(1, victim.process, 0);

    expect(victim.core.lockAlloc(0, looks)).toBe(BASELINE_NOT_OPEN);
    expect(victim.core.lockHolder()).toBe(-1);
  });

  test('refuses slots and blocks that are not there, taken or empty, and is as it was', () => {
    const { world, victim } = freshScene();
    const { core } = victim;
    core.lockOpen(looks);
    expect(core.lockAlloc(0, looks)).toBe(OK);
    const { LOCK_SLOTS_PER_CLIENT: slots, LOCK_BLOCK_COUNT: blocks } = constants;
    expect([core.lockAlloc(slots, looks), core.lockAttach(slots, 0, looks), core.lockDetach(-1, looks)]).toEqual([
      BAD_ARGUMENT,
      BAD_ARGUMENT,
      BAD_ARGUMENT,
    ]);
    expect([core.lockAttach(1, blocks, looks), core.lockAttach(1, -1, looks)]).toEqual([BAD_ARGUMENT, BAD_ARGUMENT]);
    expect([core.lockAlloc(0, looks), core.lockAttach(0, 0, looks)]).toEqual([BASELINE_SLOT_TAKEN, BASELINE_SLOT_TAKEN]);
    expect([core.lockDetach(1, looks), core.lockAttach(1, 7, looks)]).toEqual([BASELINE_SLOT_EMPTY, NOT_FOUND]);
    expect(core.lockDrop(constants.CLIENT_COUNT, looks)).toBe(BAD_ARGUMENT);
    expect(core.lockDrop(1, looks)).toBe(codes.NOT_FENCED);
    expect([core.lockCount(0), core.lockCount(blocks), core.lockPayload(blocks), core.lockBlockAt(0, slots)]).toEqual([
      1, 0, 0, -1,
    ]);

    expect(core.lockHolder()).toBe(-1);
    expect(problemsOf(world)).toEqual([]);
  });

  test('gives out every block once, then says that memory is full, and takes all back', () => {
    const { world } = freshScene({ clientLimit: 32 });
    const { LOCK_SLOTS_PER_CLIENT: slots, LOCK_BLOCK_COUNT: blocks, LOCK_PAYLOAD_BYTES: payloadBytes } = constants;
    const payloads = new Set<number>();
    const clients = Array.from({ length: blocks / slots }, () => newcomer(world));
    for (const { core } of clients) {
      core.lockOpen(looks);
      for (let slot = 0; slot < slots; slot++) {
        expect(core.lockAlloc(slot, looks)).toBe(OK);
        payloads.add(core.lockPayload(core.lockBlockAt(core.selfClient(), slot)));
      }
    }
    expect(payloads.size).toBe(blocks);
    expect(Math.max(...payloads) - Math.min(...payloads)).toBe((blocks - 1) * payloadBytes);
    const last = newcomer(world);
    last.core.lockOpen(looks);
    expect(last.core.lockAlloc(0, looks)).toBe(FULL);
    expect(problemsOf(world)).toEqual([]);

    for (const { core } of clients) for (let slot = 0; slot < slots; slot++) expect(core.lockDetach(slot, looks)).toBe(OK);
    expect(last.core.lockAlloc(0, looks)).toBe(OK);
    expect(problemsOf(world)).toEqual([]);
  });

  test('is not opened over a log that writes elsewhere', () => {
    const { LOCK_LINE, REDO_LOG_LINE, REDO_WRITES_LINE, LOCK_OPENERS_OFFSET, LOCK_PAYLOADS_OFFSET, BASELINE_BYTES } = constants;
    for (const offset of [LOCK_LINE, REDO_LOG_LINE, LOCK_OPENERS_OFFSET, LOCK_PAYLOADS_OFFSET, BASELINE_BYTES, 2 ** 31, 2308]) {
      const { world, victim } = freshScene();
      victim.core.lockOpen(looks);
      victim.arm('baseline/lock/after-commit');
      victim.attempt((core) => core.lockAlloc(0, looks));
      const bytes = world.poolBytes(constants.BASELINE_OFFSET + REDO_WRITES_LINE, 8);
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, BigInt(offset), true);
      const { core } = newcomer(world);
      core.recoverClient(0, core.fenceIfOf(0, 1, victim.process));

      expect(core.lockOpen(looks)).toBe(codes.CORRUPT);
      expect(newcomer(world).core.lockOpen(looks)).toBe(codes.BLOCKED);
    }
  });

  test('formatted again is empty, and opens', () => {
    const { world, victim } = freshScene();
    victim.core.lockOpen(looks);
    victim.arm('baseline/lock/after-commit');
    victim.attempt((core) => core.lockAlloc(0, looks));
    world.poolBytes(0, 64).fill(0);
    const { core } = world.client(4);
    expect(core.format(4, 1, 0, 0)).toBe(OK);
    core.join(4, 1, 0);

    expect(core.lockOpen(looks)).toBe(OK);
    expect([core.lockBlockAt(0, 0), core.lockCount(0)]).toEqual([-1, 0]);
    expect(problemsOf(world)).toEqual([]);
  });
});

test('the naive heap refuses what is not there, and counts right while nobody dies', () => {
  const { world, victim, survivor } = freshScene();
  const { core } = victim;
  const { NAIVE_LEAKS, NAIVE_DANGLES, NAIVE_SLOTS_PER_CLIENT: slots, NAIVE_BLOCK_COUNT: blocks } = constants;
  expect(core.naiveAlloc(NAIVE_LEAKS, 0)).toBe(BASELINE_NOT_OPEN);
  core.naiveClear();
  expect(world.client(4).core.naiveAlloc(NAIVE_LEAKS, 0)).toBe(NOT_JOINED);
  expect([core.naiveAlloc(2, 0), core.naiveAlloc(NAIVE_LEAKS, slots), core.naiveAttach(NAIVE_LEAKS, 0, blocks)]).toEqual([
    BAD_ARGUMENT,
    BAD_ARGUMENT,
    BAD_ARGUMENT,
  ]);
  expect(core.naiveRecover(NAIVE_LEAKS, 1, 1)).toBe(codes.NOT_FENCED);
  for (const order of [NAIVE_LEAKS, NAIVE_DANGLES]) {
    expect([core.naiveAlloc(order, 0), survivor.core.naiveAttach(order, 3, 0)]).toEqual([OK, OK]);
    expect([core.naiveAlloc(order, 0), core.naiveAttach(order, 0, 0), core.naiveDetach(order, 1)]).toEqual([
      BASELINE_SLOT_TAKEN,
      BASELINE_SLOT_TAKEN,
      BASELINE_SLOT_EMPTY,
    ]);
    expect([core.naiveCount(0), core.naiveBlockAt(1, 3), core.naiveBlockAt(0, 1)]).toEqual([2, 0, -1]);
    expect(problemsOf(world)).toEqual([]);
    expect([core.naiveDetach(order, 0), survivor.core.naiveDetach(order, 3), core.naiveCount(0)]).toEqual([OK, OK, 0]);
  }
  for (let client = 0; client < blocks / slots; client++) {
    const filler = newcomer(world);
    for (let slot = 0; slot < slots; slot++) expect(filler.core.naiveAlloc(client % 2, slot)).toBe(OK);
  }
  expect(core.naiveAlloc(NAIVE_LEAKS, 0)).toBe(FULL);
  expect(core.naiveAlloc(NAIVE_DANGLES, 0)).toBe(FULL);
  expect(problemsOf(world)).toEqual([]);
});
