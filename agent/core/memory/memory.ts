// The one door to shared memory: only this folder contains memory instructions. The traced build replaces this file by
// traced.ts, whose functions have the same names and are imports of the simulator.
//
// Every shared load is `load*`, every publication `publish*`. `store*` is plain, and only for bytes that a later publication
// covers. `keep*` and `recall*` are for this thread's own scratch block, which nobody else reads.

export function load32(address: usize): u32 {
  return atomic.load<u32>(address);
}

export function load64(address: usize): u64 {
  return atomic.load<u64>(address);
}

export function store32(address: usize, value: u32): void {
  store<u32>(address, value);
}

export function store64(address: usize, value: u64): void {
  store<u64>(address, value);
}

export function publish32(address: usize, value: u32): void {
  atomic.store<u32>(address, value);
}

export function publish64(address: usize, value: u64): void {
  atomic.store<u64>(address, value);
}

/** Returns what stood there: the swap happened when that equals `expected`. */
export function swap64(address: usize, expected: u64, replacement: u64): u64 {
  return atomic.cmpxchg<u64>(address, expected, replacement);
}

/** Returns what stood there before. */
export function add64(address: usize, delta: u64): u64 {
  return atomic.add<u64>(address, delta);
}

/** Returns what stood there before. */
export function or64(address: usize, bits: u64): u64 {
  return atomic.or<u64>(address, bits);
}

// WebAssembly has no instruction for either: one call of the addon, and only under a flush policy that asks for it.
@external("host", "writeBack")
declare function hostWriteBack(address: usize): void;
@external("host", "storeFence")
declare function hostStoreFence(): void;

/** clwb: the line's bytes go to the device, in no order with anything but a later `storeFence`. */
export function writeBack(address: usize): void {
  hostWriteBack(address);
}

/** sfence: everything written back before is on the device before anything that is stored after. */
export function storeFence(): void {
  hostStoreFence();
}

@external("host", "storeThrough")
declare function hostStoreThrough(to: usize, from: usize, sizeBytes: u32): void;

/** movnti: words of this thread's scratch go to the device past the caches; in no order with anything but a later `storeFence`. */
export function storeThrough(to: usize, from: usize, sizeBytes: u32): void {
  hostStoreThrough(to, from, sizeBytes);
}

@external("host", "invalidate")
declare function hostInvalidate(address: usize): void;
@external("host", "fullFence")
declare function hostFullFence(): void;

/** clflushopt: the line leaves this machine's caches, written back if need be; in no order with loads but by a `fullFence`. */
export function invalidate(address: usize): void {
  hostInvalidate(address);
}

@external("host", "prefetch")
declare function hostPrefetch(address: usize): void;

/** prefetcht0: the line comes from the device while others are worked on. A hint, in no order with anything but a `fullFence` before it. */
export function prefetch(address: usize): void {
  hostPrefetch(address);
}

/** mfence: everything before it is done before anything after it, loads and flushes as well. */
export function fullFence(): void {
  hostFullFence();
}

/** For the gate's negative control alone: an increment that is not atomic, and must lose updates. */
export function plainIncrement64(address: usize): void {
  store<u64>(address, load<u64>(address) + 1);
}

export function keep32(address: usize, value: u32): void {
  store<u32>(address, value);
}

export function keep64(address: usize, value: u64): void {
  store<u64>(address, value);
}

export function recall32(address: usize): u32 {
  return load<u32>(address);
}

export function recall64(address: usize): u64 {
  return load<u64>(address);
}
