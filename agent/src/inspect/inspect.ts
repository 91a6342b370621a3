/** Reads a pool from its bytes, believes nothing, and says in sentences what is wrong. Needs no core and no mapping. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, controlBytes, layout, layoutHash } from '../layout/index.ts';
import { type InspectedHeap, inspectHeap } from './heap/inspect-heap.ts';
import { inspectClients } from './inspect-clients.ts';
import { inspectConnections } from './inspect-connections.ts';
import { inspectServices } from './inspect-services.ts';
import { unpackFormatWord } from './packed-words.ts';

export interface PoolInspection {
  readonly superblock: {
    readonly state: 'blank' | 'formatting' | 'formatted' | 'unknown';
    readonly layout: string;
    readonly sizeBytes: number;
    readonly formatterMachine: number;
    readonly formatterPid: number;
  };
  /** Every slot that is or was in use. */
  readonly clients: readonly InspectedClient[];
  readonly services: readonly InspectedService[];
  /** Every connection that is not free. */
  readonly connections: readonly InspectedConnection[];
  /** Undefined for a pool without one, or when only the control part was given. */
  readonly heap: InspectedHeap | undefined;
  /** Empty for a sound pool. */
  readonly problems: readonly string[];
}

export interface InspectedClient {
  readonly id: number;
  readonly incarnation: number;
  readonly state: 'free' | 'joining' | 'joined' | 'leaving';
  /** 0 when free, as is the process. */
  readonly machine: number;
  readonly pid: number;
  readonly heartbeat: number;
  /** The newest incarnation of this slot whose end was seen; 0 for none. */
  readonly fencedIncarnation: number;
}

export interface InspectedService {
  readonly name: string;
  /** Where it listened last, and in which epoch of that slot. */
  readonly connection: number | null;
  readonly epoch: number;
}

export interface InspectedConnection {
  readonly slot: number;
  readonly state: 'claimed' | 'listening' | 'open';
  readonly epoch: number;
  readonly server: number;
  readonly caller: number | null;
  readonly serverClosed: boolean;
  readonly callerClosed: boolean;
  /** As the server last reported. */
  readonly served: number;
  readonly refused: number;
}

/**
 * `bytes` from the start of the pool, at least its control part (`controlBytes`); with all of them the heap is recounted. Of one moment
 * in which nobody writes: a pool in use may show states between two steps. `sizeBytes`: of the whole pool.
 */
export function inspectPool(bytes: Uint8Array, sizeBytes: number): PoolInspection {
  const problems: string[] = [];
  if (bytes.length < controlBytes) {
    problems.push(`the control part of a pool has ${controlBytes} bytes, given are ${bytes.length}`);
    return { superblock: blankSuperblock, clients: [], services: [], connections: [], heap: undefined, problems };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const superblock = inspectSuperblock(view, sizeBytes, problems);
  if (superblock.state !== 'formatted' || superblock.layout !== layoutHash) {
    return { superblock, clients: [], services: [], connections: [], heap: undefined, problems };
  }
  inspectRegions(view, sizeBytes, problems);
  const clients = inspectClients(view, problems);
  const connections = inspectConnections(view, clients, problems);
  const services = inspectServices(view, problems);
  const heap = bytes.length >= sizeBytes ? inspectHeap(view, sizeBytes, clients, problems) : undefined;
  return { superblock, clients, services, connections, heap, problems };
}

const states: readonly PoolInspection['superblock']['state'][] = ['blank', 'formatting', 'formatted'];

const blankSuperblock: PoolInspection['superblock'] = {
  state: 'unknown',
  layout: '',
  sizeBytes: 0,
  formatterMachine: 0,
  formatterPid: 0,
};

function inspectSuperblock(view: DataView, sizeBytes: number, problems: string[]): PoolInspection['superblock'] {
  const { Superblock } = layout;
  const word = unpackFormatWord(view.getBigUint64(Superblock.state.offset, true));
  const magic = view.getBigUint64(Superblock.magic.offset, true);
  const version = view.getBigUint64(Superblock.layoutVersion.offset, true).toString(16).padStart(16, '0');
  const formattedBytes = Number(view.getBigUint64(Superblock.sizeBytes.offset, true));
  const state = states[word.state] ?? 'unknown';
  const superblock = {
    state,
    layout: version,
    sizeBytes: formattedBytes,
    formatterMachine: word.machine,
    formatterPid: word.process,
  };
  if (state === 'unknown' || word.reserved !== 0)
    problems.push(`the superblock's state word is ${word.state}, which means nothing`);
  if (state === 'formatting') problems.push(`process ${word.process} of machine ${word.machine} began to format and is not done`);
  if (state === 'blank' && magic !== 0n) problems.push('the superblock is blank but for its magic');
  if (state !== 'formatted') return superblock;
  if (magic !== constants.POOL_MAGIC) problems.push(`the superblock's magic is ${magic.toString(16)}, not that of a pool`);
  if (version !== layoutHash) problems.push(`the pool has layout ${version}, this inspector means ${layoutHash}`);
  if (formattedBytes !== sizeBytes) problems.push(`the pool was formatted with ${formattedBytes} bytes and has ${sizeBytes}`);
  return superblock;
}

function inspectRegions(view: DataView, sizeBytes: number, problems: string[]): void {
  const { Region } = layout;
  const count = Number(view.getBigUint64(layout.Superblock.regionCount.offset, true));
  if (count !== constants.REGION_COUNT) {
    problems.push(`the region table has ${count} entries instead of ${constants.REGION_COUNT}`);
    return;
  }
  let end = constants.CLIENT_TABLE_OFFSET;
  for (let index = 0; index < count; index++) {
    const at = constants.REGION_TABLE_OFFSET + index * Region.classBytes;
    const kind = view.getUint32(at + Region.kind.offset, true);
    const entries = BigInt(view.getUint32(at + Region.count.offset, true));
    const entryBytes = view.getBigUint64(at + Region.entryBytes.offset, true);
    const offset = Number(view.getBigUint64(at + Region.offset.offset, true));
    const regionBytes = Number(view.getBigUint64(at + Region.sizeBytes.offset, true));
    if (kind !== index + 1) problems.push(`region ${index} is of kind ${kind} instead of ${index + 1}`);
    if (offset < end) problems.push(`region ${index} begins at ${offset}, inside the one before`);
    if (offset + regionBytes > sizeBytes) problems.push(`region ${index} ends at ${offset + regionBytes}, behind the pool`);
    if (entries * entryBytes > BigInt(regionBytes)) problems.push(`region ${index} is too small for its ${entries} entries`);
    end = offset + regionBytes;
  }
}

/** Reads the control part of a pool file and inspects it. A device-dax cannot be read, only mapped: give its bytes to `inspectPool`. */
export function inspectPoolFile(path: string): PoolInspection {
  const file = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    const bytes = new Uint8Array(Math.min(sizeBytes, controlBytes));
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, at);
      if (read === 0) break;
      at += read;
    }
    return inspectPool(bytes, sizeBytes);
  } finally {
    closeSync(file);
  }
}
