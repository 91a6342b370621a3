// The door as the simulator sees it: each access is one import that carries what it is, where, from which line of the source,
// and its value in two 32-bit halves. The simulator owns the bytes and may suspend, reorder or end the client at any of them.
// The compiler transform fills in `site` at every call.

@external("simulator", "access")
declare function access(what: i32, address: usize, site: i32, low: u32, high: u32, expectedLow: u32, expectedHigh: u32): u32;

// The upper half of the last access's result.
@external("simulator", "upperHalf")
declare function upperHalf(): u32;

// what = kind | size << 4 | order << 8
const LOAD: i32 = 0;
const STORE: i32 = 1;
const SWAP: i32 = 2;
const ADD: i32 = 3;
const OR: i32 = 4;
const WRITE_BACK: i32 = 5;
const STORE_FENCE: i32 = 6;
const INVALIDATE: i32 = 7;
const FULL_FENCE: i32 = 8;
const STORE_THROUGH: i32 = 9;
const PREFETCH: i32 = 10;
const SIZE_4: i32 = 4 << 4;
const SIZE_8: i32 = 8 << 4;
const PLAIN: i32 = 0 << 8;
const ATOMIC: i32 = 1 << 8;
const PRIVATE: i32 = 2 << 8;

function wide(low: u32): u64 {
  return (<u64>upperHalf() << 32) | <u64>low;
}

function high(value: u64): u32 {
  return <u32>(value >> 32);
}

export function load32(address: usize, site: i32 = 0): u32 {
  return access(LOAD | SIZE_4 | ATOMIC, address, site, 0, 0, 0, 0);
}

export function load64(address: usize, site: i32 = 0): u64 {
  return wide(access(LOAD | SIZE_8 | ATOMIC, address, site, 0, 0, 0, 0));
}

export function store32(address: usize, value: u32, site: i32 = 0): void {
  access(STORE | SIZE_4 | PLAIN, address, site, value, 0, 0, 0);
}

export function store64(address: usize, value: u64, site: i32 = 0): void {
  access(STORE | SIZE_8 | PLAIN, address, site, <u32>value, high(value), 0, 0);
}

export function publish32(address: usize, value: u32, site: i32 = 0): void {
  access(STORE | SIZE_4 | ATOMIC, address, site, value, 0, 0, 0);
}

export function publish64(address: usize, value: u64, site: i32 = 0): void {
  access(STORE | SIZE_8 | ATOMIC, address, site, <u32>value, high(value), 0, 0);
}

export function swap64(address: usize, expected: u64, replacement: u64, site: i32 = 0): u64 {
  return wide(access(SWAP | SIZE_8 | ATOMIC, address, site, <u32>replacement, high(replacement), <u32>expected, high(expected)));
}

export function add64(address: usize, delta: u64, site: i32 = 0): u64 {
  return wide(access(ADD | SIZE_8 | ATOMIC, address, site, <u32>delta, high(delta), 0, 0));
}

export function or64(address: usize, bits: u64, site: i32 = 0): u64 {
  return wide(access(OR | SIZE_8 | ATOMIC, address, site, <u32>bits, high(bits), 0, 0));
}

export function writeBack(address: usize, site: i32 = 0): void {
  access(WRITE_BACK | SIZE_8 | ATOMIC, address, site, 0, 0, 0, 0);
}

export function storeFence(site: i32 = 0): void {
  access(STORE_FENCE | SIZE_8 | ATOMIC, 0, site, 0, 0, 0, 0);
}

export function storeThrough(to: usize, from: usize, sizeBytes: u32, site: i32 = 0): void {
  for (let at: u32 = 0; at < sizeBytes; at += 8) {
    const word: u64 = wide(access(LOAD | SIZE_8 | PRIVATE, from + at, site, 0, 0, 0, 0));
    access(STORE_THROUGH | SIZE_8 | PLAIN, to + at, site, <u32>word, high(word), 0, 0);
  }
}

export function invalidate(address: usize, site: i32 = 0): void {
  access(INVALIDATE | SIZE_8 | ATOMIC, address, site, 0, 0, 0, 0);
}

export function prefetch(address: usize, site: i32 = 0): void {
  access(PREFETCH | SIZE_8 | ATOMIC, address, site, 0, 0, 0, 0);
}

export function fullFence(site: i32 = 0): void {
  access(FULL_FENCE | SIZE_8 | ATOMIC, 0, site, 0, 0, 0, 0);
}

export function plainIncrement64(address: usize, site: i32 = 0): void {
  const old: u64 = wide(access(LOAD | SIZE_8 | PLAIN, address, site, 0, 0, 0, 0));
  const next: u64 = old + 1;
  access(STORE | SIZE_8 | PLAIN, address, site, <u32>next, high(next), 0, 0);
}

export function keep32(address: usize, value: u32, site: i32 = 0): void {
  access(STORE | SIZE_4 | PRIVATE, address, site, value, 0, 0, 0);
}

export function keep64(address: usize, value: u64, site: i32 = 0): void {
  access(STORE | SIZE_8 | PRIVATE, address, site, <u32>value, high(value), 0, 0);
}

export function recall32(address: usize, site: i32 = 0): u32 {
  return access(LOAD | SIZE_4 | PRIVATE, address, site, 0, 0, 0, 0);
}

export function recall64(address: usize, site: i32 = 0): u64 {
  return wide(access(LOAD | SIZE_8 | PRIVATE, address, site, 0, 0, 0, 0));
}
