import { load64, publish64, recall64, store64, swap64 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES, DIRECTORY_OFFSET, NAME_LIMIT_BYTES } from '../layout/regions';
import { SCRATCH_NAME_OFFSET } from '../layout/scratch';
import { Service, SERVICE_NAME_LINE } from '../layout/directory';

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

function entryAt(index: u32): usize {
  return poolBase + DIRECTORY_OFFSET + index * DIRECTORY_ENTRY_BYTES;
}

function isNamed(entry: usize): bool {
  for (let index: u32 = 0; index < NAME_LIMIT_BYTES / 8; index++) {
    if (load64(entry + SERVICE_NAME_LINE + index * 8) != nameWord(index)) return false;
  }
  return true;
}

/**
 * The directory entry of the name in the scratch block, made if need be; 0 when the directory is full.
 *
 *   1. claim     Swap a free entry's hash, 0, for this name's. Whoever has the same name finds the same entry.
 *   2. name      Write the name's bytes. All who come here write the same.
 *   3. COMMIT    Publish the name's length.
 *
 * Dead before 3: the next server of that name repeats 2 and 3. Dead after 3: the entry stands, as it does for ever.
 */
export function register(nameBytes: u32): usize {
  const hash: u64 = hashName(nameBytes);
  for (let probe: u32 = 0; probe < DIRECTORY_COUNT; probe++) {
    const entry: usize = entryAt((<u32>hash + probe) & (DIRECTORY_COUNT - 1));
    let seen: u64 = load64(entry + offsetof<Service>("nameHash"));
    if (seen == 0) {
      seen = swap64(entry + offsetof<Service>("nameHash"), 0, hash);
      if (seen == 0) seen = hash;
    }
    if (seen != hash) continue;
    if (load64(entry + offsetof<Service>("nameBytes")) != 0) { // sees D1
      if (isNamed(entry)) return entry;
      continue;
    }
    for (let index: u32 = 0; index < NAME_LIMIT_BYTES / 8; index++) {
      store64(entry + SERVICE_NAME_LINE + index * 8, nameWord(index));
    }
    publish64(entry + offsetof<Service>("nameBytes"), <u64>nameBytes); // publishes D1
    return entry;
  }
  return 0;
}

/** The directory entry of the name in the scratch block; 0 when nobody registered it. */
export function find(nameBytes: u32): usize {
  const hash: u64 = hashName(nameBytes);
  for (let probe: u32 = 0; probe < DIRECTORY_COUNT; probe++) {
    const entry: usize = entryAt((<u32>hash + probe) & (DIRECTORY_COUNT - 1));
    const seen: u64 = load64(entry + offsetof<Service>("nameHash"));
    if (seen == 0) return 0;
    if (seen != hash) continue;
    if (load64(entry + offsetof<Service>("nameBytes")) == 0) continue; // sees D1
    if (isNamed(entry)) return entry;
  }
  return 0;
}
