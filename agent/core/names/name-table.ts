// Tables of names in the pool: services of HydraRPC, named roots of the heap. Entries begin with { hash, bytes of the name } and have
// the name at NAME_LINE.

import { load64, publish64, recall64, store64, swap64 } from '../memory/memory';
import { threadBase } from '../place/place';
import { NAME_LIMIT_BYTES } from '../layout/regions';
import { SCRATCH_NAME_OFFSET } from '../layout/scratch';

const HASH: usize = 0;
const LENGTH: usize = 8;
const NAME_LINE: usize = 64;

/** The name that the thread handed over, as the eight words it fills, zero padded. */
function nameWord(index: u32): u64 {
  return recall64(threadBase + SCRATCH_NAME_OFFSET + index * 8);
}

/** Never 0. agent/src/inspect/packed-words.ts computes the same. */
export function hashName(nameBytes: u32): u64 {
  let hash: u64 = 0xcbf29ce484222325 ^ <u64>nameBytes;
  for (let index: u32 = 0; index < NAME_LIMIT_BYTES / 8; index++) {
    hash = (hash ^ nameWord(index)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return hash == 0 ? 1 : hash;
}

function isNamed(entry: usize): bool {
  for (let index: u32 = 0; index < NAME_LIMIT_BYTES / 8; index++) {
    if (load64(entry + NAME_LINE + index * 8) != nameWord(index)) return false;
  }
  return true;
}

/**
 * The entry of the name in the scratch block, made if need be; 0 when the table is full.
 *
 *   1. claim     Swap a free entry's hash, 0, for this name's. Whoever has the same name finds the same entry.
 *   2. name      Write the name's bytes. All who come here write the same.
 *   3. COMMIT    Publish the name's length.
 *
 * Dead before 3: the next client with that name repeats 2 and 3. Dead after 3: the entry stands, as it does for ever.
 */
export function registerName(table: usize, count: u32, entryBytes: u32, nameBytes: u32): usize {
  const hash: u64 = hashName(nameBytes);
  for (let probe: u32 = 0; probe < count; probe++) {
    const entry: usize = table + ((<u32>hash + probe) & (count - 1)) * entryBytes;
    let seen: u64 = load64(entry + HASH);
    if (seen == 0) {
      seen = swap64(entry + HASH, 0, hash);
      if (seen == 0) seen = hash;
    }
    if (seen != hash) continue;
    if (load64(entry + LENGTH) != 0) { // sees D1
      if (isNamed(entry)) return entry;
      continue;
    }
    for (let index: u32 = 0; index < NAME_LIMIT_BYTES / 8; index++) {
      store64(entry + NAME_LINE + index * 8, nameWord(index));
    }
    publish64(entry + LENGTH, <u64>nameBytes); // publishes D1
    return entry;
  }
  return 0;
}

/** The entry of the name in the scratch block; 0 when nobody registered it. */
export function findName(table: usize, count: u32, entryBytes: u32, nameBytes: u32): usize {
  const hash: u64 = hashName(nameBytes);
  for (let probe: u32 = 0; probe < count; probe++) {
    const entry: usize = table + ((<u32>hash + probe) & (count - 1)) * entryBytes;
    const seen: u64 = load64(entry + HASH);
    if (seen == 0) return 0;
    if (seen != hash) continue;
    if (load64(entry + LENGTH) == 0) continue; // sees D1
    if (isNamed(entry)) return entry;
  }
  return 0;
}
