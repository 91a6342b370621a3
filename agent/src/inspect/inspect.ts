/** Reads a pool from its bytes, believes nothing, and says in sentences what is wrong. Needs no core and no mapping. */
import { constants, controlBytes, layout, layoutHash } from '../layout/index.ts';
import { type InspectedHeap, inspectHeap } from './heap/inspect-heap.ts';
import { readShape } from './heap/shape.ts';
import { inspectClients } from './inspect-clients.ts';
import { inspectConnections } from './inspect-connections.ts';
import { inspectServices } from './inspect-services.ts';
import { unpackFormatWord } from './packed-words.ts';
import { readPoolFile } from './pool-file.ts';
import { type Finding, Problems } from './problems.ts';

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
  /** Clients are joined and not known to be dead: the bytes may be between two steps of theirs. */
  readonly inUse: boolean;
  /** How often the pool was read: a problem of a pool in use counts when it stays. */
  readonly readings: number;
  /** What looked wrong in the reading that is shown and did not stay, or is what a client is in the middle of. */
  readonly unsettled: number;
  /** Empty for a sound pool; the first thousand. */
  readonly problems: readonly string[];
  /** The same by kind, all counted. */
  readonly findings: readonly Finding[];
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
  /** The newest incarnation of this slot that somebody suspected to be dead; 0 for none. */
  readonly suspectedIncarnation: number;
  /** Who has the claim to finish in its name. */
  readonly recoverer: { readonly id: number; readonly incarnation: number } | null;
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
  /** Calls that may be in flight at a time, and the bytes that each may carry; null while it is only claimed. */
  readonly window: number | null;
  readonly payloadBytes: number | null;
  /** Calls that were sent and not answered, recounted from the rings; 0 unless it is open. */
  readonly inFlight: number;
  /** As the server last reported. */
  readonly served: number;
  readonly refused: number;
}

/**
 * `bytes` from the start of the pool, at least its control part (`controlBytes`); with all of them the heap is recounted. Of one moment
 * in which every client is between two operations: whatever looks wrong is told. `sizeBytes`: of the whole pool.
 */
export function inspectPool(bytes: Uint8Array, sizeBytes: number): PoolInspection {
  const problems = new Problems();
  return told(examine(bytes, sizeBytes, problems), problems, problems, 1);
}

/** How often a pool in use is read before what still looks wrong is told. */
const readingLimit = 4;
/** Between two readings: long against any operation. */
const readAgainAfterMs = 20;

/**
 * Inspects a pool file with its heap, also while the pool is in use: then something is wrong only if it stays over several readings
 * with nothing moved in between, and is not what a living client is in the middle of. What is shown is the calmest reading.
 */
export function inspectPoolFile(path: string): PoolInspection {
  let calmest = readAndExamine(path);
  let lasting = calmest.problems;
  let readings = 1;
  while (isInUse(calmest.content.clients) && calmest.problems.count > 0 && readings < readingLimit) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, readAgainAfterMs);
    const again = readAndExamine(path);
    lasting = lasting.lastingIn(again.problems);
    if (again.problems.count < calmest.problems.count) calmest = again;
    readings++;
  }
  return told(calmest.content, lasting, calmest.problems, readings);
}

function readAndExamine(path: string): { readonly content: Content; readonly problems: Problems } {
  const { bytes, sizeBytes } = readPoolFile(path);
  const problems = new Problems();
  return { content: examine(bytes, sizeBytes, problems), problems };
}

type Content = Pick<PoolInspection, 'superblock' | 'clients' | 'services' | 'connections' | 'heap'>;

function told(content: Content, lasting: Problems, found: Problems, readings: number): PoolInspection {
  return {
    ...content,
    inUse: isInUse(content.clients),
    readings,
    unsettled: found.count - lasting.count,
    problems: lasting.sentences,
    findings: lasting.findings,
  };
}

function isInUse(clients: readonly InspectedClient[]): boolean {
  return clients.some(({ state, incarnation, fencedIncarnation }) => state !== 'free' && fencedIncarnation < incarnation);
}

function examine(bytes: Uint8Array, sizeBytes: number, problems: Problems): Content {
  const nothing = { clients: [], services: [], connections: [], heap: undefined };
  if (bytes.length < controlBytes) {
    problems.add('structure', () => `the control part of a pool has ${controlBytes} bytes, given are ${bytes.length}`);
    return { superblock: blankSuperblock, ...nothing };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wrong: string[] = [];
  const superblock = inspectSuperblock(view, sizeBytes, wrong);
  const isOurs = superblock.state === 'formatted' && superblock.layout === layoutHash;
  if (isOurs) inspectRegions(view, sizeBytes, wrong);
  problems.addAll('structure', wrong);
  if (!isOurs) return { superblock, ...nothing };

  const clients = inspectClients(view, problems);
  const sentences: string[] = [];
  const connections = inspectConnections(view, clients, sentences);
  const services = inspectServices(view, sentences);
  problems.addAll('structure', sentences);
  const isWhole = bytes.length >= sizeBytes;
  const heap = isWhole ? inspectHeap(view, sizeBytes, clients, problems) : undefined;
  if (!isWhole) readShape(view, sizeBytes, problems);
  return { superblock, clients, services, connections, heap };
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
