// Where this instance's memory lies. The only mutable globals of the core: set by `init`, per instance, never after.

export let poolBase: usize = 0;
export let poolSizeBytes: u32 = 0;
export let historyBase: usize = 0;
export let historySizeBytes: u32 = 0;
/** The process's scratch: its first line holds the abort word. */
export let scratchBase: usize = 0;
/** This thread's own block of it. */
export let threadBase: usize = 0;
/** The crash point at which this thread dies; 0 for none. */
export let armedPoint: i32 = 0;

export function settle(
  pool: usize,
  poolBytes: u32,
  history: usize,
  historyBytes: u32,
  scratch: usize,
  thread: usize,
  armed: i32,
): void {
  poolBase = pool;
  poolSizeBytes = poolBytes;
  historyBase = history;
  historySizeBytes = historyBytes;
  scratchBase = scratch;
  threadBase = thread;
  armedPoint = armed;
}
