import { poolBase } from '../place/place';
import { DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES, DIRECTORY_OFFSET } from '../layout/regions';
import { findName, registerName } from '../names/name-table';

/** The directory entry of the service named in the scratch block, made if need be; 0 when the directory is full. */
export function register(nameBytes: u32): usize {
  return registerName(poolBase + DIRECTORY_OFFSET, DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES, nameBytes);
}

/** The directory entry of the service named in the scratch block; 0 when nobody registered it. */
export function find(nameBytes: u32): usize {
  return findName(poolBase + DIRECTORY_OFFSET, DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES, nameBytes);
}
