/** Each client's part of the heap: its era, what it is about to do, what it holds and looks at. */
import { constants, layout } from '../../layout/index.ts';
import type { InspectedClient } from '../inspect.ts';
import { wordAt } from '../packed-words.ts';
import type { Problems } from '../problems.ts';
import type { HeapSegment } from './pages.ts';
import type { HeapShape } from './shape.ts';

export interface InspectedHeapClient {
  readonly id: number;
  readonly era: number;
  readonly eraStart: number;
  /** What it is in the middle of, or died in the middle of. */
  readonly transaction: OpenTransaction | null;
  readonly heldBytes: number;
  /** 0: no limit. */
  readonly quotaBytes: number;
  readonly roots: number;
  /** The first corpse of its dying list; 0 for none. */
  readonly dying: number;
  readonly hazards: readonly number[];
}

export interface OpenTransaction {
  readonly operation: string;
  readonly slot: number;
  readonly object: number;
  /** Of a change, the object before; of a move, the slot before. */
  readonly other: number;
}

export interface HeapOfClients {
  readonly clients: readonly InspectedClient[];
  readonly living: ReadonlySet<number>;
  readonly segments: readonly HeapSegment[];
  /** By client. */
  readonly roots: ReadonlyMap<number, number>;
  readonly problems: Problems;
}

export function readHeapClients(view: DataView, shape: HeapShape, heap: HeapOfClients): readonly InspectedHeapClient[] {
  const { clients, living, segments, roots, problems } = heap;
  return clients
    .filter(({ id }) => id < shape.clientCount)
    .map(({ id, incarnation, state }) => {
      const line = shape.clientsOffset + id * constants.HEAP_CLIENT_BYTES;
      const era = eraOf(view, shape, id);
      const dying = view.getUint32(line + layout.HeapClient.dying.offset, true);
      if (dying !== 0) problems.add('leak', () => `client ${id} has corpses on its dying list`, { passing: living.has(id) });
      const hazards = readHazards(view, line);
      if (state === 'free' && hazards.length > 0) {
        problems.add('leak', () => `client ${id} is free and looks at ${hazards.join(', ')}`);
      }
      const held = segments.filter(
        (segment) => segment.owner === id && segment.incarnation === incarnation && segment.state !== 'free',
      );
      return {
        id,
        era,
        eraStart: wordAt(view, line + layout.HeapClient.eraStart.offset),
        transaction: state === 'free' ? null : openTransaction(view, line, era),
        heldBytes: held.length * shape.segmentBytes,
        quotaBytes: wordAt(view, line + layout.HeapClient.quotaBytes.offset),
        roots: roots.get(id) ?? 0,
        dying,
        hazards,
      };
    });
}

function readHazards(view: DataView, line: number): readonly number[] {
  return Array.from({ length: constants.HAZARD_COUNT }, (_, index) =>
    wordAt(view, line + constants.HEAP_HAZARD_LINE + index * 8),
  ).filter((object) => object !== 0);
}

/** How many open transactions of these clients count or discount an object. */
export function objectsInFlight(view: DataView, shape: HeapShape, clients: ReadonlySet<number>): ReadonlyMap<number, number> {
  const inFlight = new Map<number, number>();
  for (const id of clients) {
    if (id >= shape.clientCount) continue;
    const open = openTransaction(view, shape.clientsOffset + id * constants.HEAP_CLIENT_BYTES, eraOf(view, shape, id));
    if (open === null) continue;
    for (const object of [open.object, open.other]) inFlight.set(object, (inFlight.get(object) ?? 0) + 1);
  }
  return inFlight;
}

function eraOf(view: DataView, shape: HeapShape, id: number): number {
  return wordAt(view, shape.erasOffset + id * shape.eraRowBytes + id * 8);
}

const operations = ['none', 'attach', 'detach', 'change', 'release', 'move'] as const;

/** The record of the present era, which the end of its transaction leaves behind. */
function openTransaction(view: DataView, line: number, era: number): OpenTransaction | null {
  const at = line + constants.HEAP_REDO_LINE + (era % 2) * constants.REDO_RECORD_BYTES;
  const stamp = view.getBigUint64(at + layout.RedoRecord.stamp.offset, true);
  const operation = Number(stamp >> 56n);
  if (operation === 0 || Number(stamp & 0xffffffffffn) !== era) return null;
  return {
    operation: operations[operation] ?? `operation ${operation}`,
    slot: view.getUint32(at + layout.RedoRecord.slot.offset, true),
    object: view.getUint32(at + layout.RedoRecord.object.offset, true),
    other: view.getUint32(at + layout.RedoRecord.other.offset, true),
  };
}
