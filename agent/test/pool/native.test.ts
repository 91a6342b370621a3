/** The addon's bytes: ranges, waits, clocks, heartbeats; refusals by code. */
import { describe, expect, test } from 'vitest';
import { native } from '../../src/pool/native.ts';

function sharedBytes(): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
}

function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return 'nothing was refused';
}

describe('ranges', () => {
  test('outside the memory are refused by every function that takes one', () => {
    const bytes = sharedBytes();
    const addon = native();
    for (const action of [
      () => addon.flush(bytes, 65_000, 1_000),
      () => addon.writeBack(bytes, 2 ** 40, 8),
      () => addon.storeNonTemporal(bytes, 65_536, new Uint8Array(8), 0, 8),
      () => addon.storeNonTemporal(bytes, 0, new Uint8Array(8), 8, 8),
      () => addon.prefetch(bytes, 65_536),
      () => addon.waitWhile(bytes, 65_536, 0n, 0),
      () => addon.startHeartbeat(bytes, 65_536, 100),
      () => addon.map(bytes, 65_536, 4096, '/dev/shm', 0),
      () => addon.unmap(bytes, 61_440, 8_192),
    ]) {
      expect(codeOf(action)).toBe('OUT_OF_RANGE');
    }
  });

  test('that are no whole numbers from 0, or no memory, are refused', () => {
    const bytes = sharedBytes();
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '8' as unknown as number]) {
      expect(codeOf(() => native().flush(bytes, wrong, 8))).toBe('BAD_ARGUMENT');
    }
    expect(codeOf(() => native().flush(new Float64Array(8) as unknown as Uint8Array, 0, 8))).toBe('BAD_ARGUMENT');
  });

  test('can be flushed, written back and stored around the caches without changing what they hold', () => {
    const bytes = sharedBytes();
    const source = Uint8Array.from({ length: 80 }, (_, at) => at - 7);
    native().storeNonTemporal(bytes, 128, source, 8, 64);
    native().writeBack(bytes, 100, 200);
    native().prefetch(bytes, 191);
    native().flush(bytes, 0, bytes.length);
    expect([...bytes.slice(126, 131)]).toEqual([0, 0, 1, 2, 3]);
    expect(bytes[191]).toBe(64);
    expect(codeOf(() => native().storeNonTemporal(bytes, 4, source, 0, 8))).toBe('UNALIGNED');
    expect(codeOf(() => native().storeNonTemporal(bytes, 8, source, 0, 7))).toBe('UNALIGNED');
  });
});

describe('waiting on a word', () => {
  test('ends at once when it differs, and at the deadline when it never does', () => {
    const bytes = sharedBytes();
    expect(native().waitWhile(bytes, 8, 1n, 60_000_000_000)).toBe(true);
    expect(native().waitWhile(bytes, 8, 0n, 2_000_000)).toBe(false);
    expect(codeOf(() => native().waitWhile(bytes, 4, 0n, 0))).toBe('UNALIGNED');
  });
});

describe('a heartbeat', () => {
  test('beats until it is stopped, and stopping twice is no error', () => {
    const bytes = sharedBytes();
    const beats = new BigUint64Array(bytes.buffer);
    const number = native().startHeartbeat(bytes, 64, 100);
    expect(native().waitWhile(bytes, 64, 0n, 60_000_000_000)).toBe(true);
    expect(native().waitWhile(bytes, 64, 1n, 60_000_000_000)).toBe(true);
    native().stopHeartbeat(number);
    native().stopHeartbeat(number);
    const last = Atomics.load(beats, 8);
    expect(native().waitWhile(bytes, 64, last, 150_000_000)).toBe(false);
  });

  test('faster than every 100 ms is refused', () => {
    expect(codeOf(() => native().startHeartbeat(sharedBytes(), 64, 99))).toBe('BAD_ARGUMENT');
  });
});

test('clocks only go forward, and their prices are told', () => {
  const addon = native();
  const [first, second] = [addon.monotonicNs(), addon.monotonicNs()];
  expect(second).toBeGreaterThanOrEqual(first);
  expect(addon.clockReadNs(1_000)).toBeGreaterThan(0);
  expect(addon.tsc()).toBeTypeOf('bigint');
  expect(addon.tscFrequencyHz(2)).toBeGreaterThan(1e8);
});
