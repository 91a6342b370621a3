/** The heap's sizes and places, as the formatter wrote them; believed only when they fit into the pool. */
import { constants, layout } from '../../layout/index.ts';
import type { Problems } from '../problems.ts';

export interface HeapShape {
  readonly clientCount: number;
  readonly pageBytes: number;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  readonly pagesPerSegment: number;
  readonly nameCount: number;
  readonly queueCount: number;
  readonly queueCapacity: number;
  readonly flushPolicy: 'none' | 'process' | 'host';
  /** What the device promises: `none`, two machines may win the same compare-and-swap, so that the heap is refused. */
  readonly coherence: 'hardware' | 'none';
  readonly erasOffset: number;
  readonly eraRowBytes: number;
  readonly clientsOffset: number;
  readonly namesOffset: number;
  readonly queuesOffset: number;
  readonly queueBytes: number;
  readonly segmentTableOffset: number;
  readonly segmentEntryBytes: number;
  readonly segmentsOffset: number;
}

/** Undefined for a pool without a heap, or with a shape that cannot be. */
export function readShape(view: DataView, sizeBytes: number, problems: Problems): HeapShape | undefined {
  const field = (name: Exclude<keyof typeof layout.HeapShape, 'classBytes'>): number =>
    view.getUint32(constants.HEAP_SHAPE_OFFSET + layout.HeapShape[name].offset, true);
  if (field('segmentCount') === 0) return undefined;
  const pageBytes = 2 ** field('pageShift');
  const segmentBytes = 2 ** field('segmentShift');
  const shape: HeapShape = {
    clientCount: field('clientCount'),
    pageBytes,
    segmentBytes,
    segmentCount: field('segmentCount'),
    pagesPerSegment: segmentBytes / pageBytes,
    nameCount: field('nameCount'),
    queueCount: field('queueCount'),
    queueCapacity: 2 ** field('queueCapacityLog2'),
    flushPolicy: (['none', 'process', 'host'] as const)[field('flushPolicy')] ?? 'none',
    coherence: field('coherence') === constants.COHERENCE_HARDWARE ? 'hardware' : 'none',
    erasOffset: field('erasOffset'),
    eraRowBytes: field('eraRowBytes'),
    clientsOffset: field('clientsOffset'),
    namesOffset: field('namesOffset'),
    queuesOffset: field('queuesOffset'),
    queueBytes: field('queueBytes'),
    segmentTableOffset: field('segmentTableOffset'),
    segmentEntryBytes: field('segmentEntryBytes'),
    segmentsOffset: field('segmentsOffset'),
  };
  const sound =
    shape.clientCount <= constants.HEAP_CLIENT_LIMIT &&
    Number.isInteger(shape.pagesPerSegment) &&
    shape.pagesPerSegment <= constants.SEGMENT_PAGE_LIMIT &&
    shape.segmentCount <= constants.SEGMENT_COUNT_LIMIT &&
    shape.segmentEntryBytes >= constants.SEGMENT_PAGES_OFFSET + shape.pagesPerSegment * constants.PAGE_ENTRY_BYTES &&
    shape.erasOffset >= constants.CONTROL_BYTES + constants.FLOOR_BYTES &&
    shape.eraRowBytes >= shape.clientCount * 8 &&
    shape.queueBytes >= constants.QUEUE_SLOTS_OFFSET + shape.queueCapacity * 8 &&
    shape.clientsOffset >= shape.erasOffset + shape.clientCount * shape.eraRowBytes &&
    shape.namesOffset >= shape.clientsOffset + shape.clientCount * constants.HEAP_CLIENT_BYTES &&
    shape.queuesOffset >= shape.namesOffset + shape.nameCount * constants.NAMED_ROOT_BYTES &&
    shape.segmentTableOffset >= shape.queuesOffset + shape.queueCount * shape.queueBytes &&
    shape.segmentsOffset >= shape.segmentTableOffset + shape.segmentCount * shape.segmentEntryBytes &&
    shape.segmentsOffset + shape.segmentCount * segmentBytes <= sizeBytes;
  if (sound) return shape;
  problems.add('structure', () => 'the shape of the heap does not fit into the pool');
  return undefined;
}
