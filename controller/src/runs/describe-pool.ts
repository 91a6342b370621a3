/** A pool for people: part by part, each as long as fits a screen or two, whatever the pool holds. */
import type {
  InspectedClient,
  InspectedHeap,
  InspectedHeapClient,
  InspectedSegment,
  PoolInspection,
} from '@cxlpod/agent/inspect';
import { table } from '../cli/table.ts';
import { showBytes, showCount } from '../report/units.ts';

/** Of each table. */
const rowLimit = 60;
/** Of problems. */
const problemLimit = 100;

export function* describePool(inspection: PoolInspection): Generator<string> {
  const { superblock, clients, services, connections, heap } = inspection;
  yield `pool: ${superblock.state}, ${showBytes(superblock.sizeBytes)}, layout ${superblock.layout}`;
  if (inspection.inUse) yield describeUse(inspection);
  yield rows(
    'clients',
    ['id', 'incarnation', 'state', 'machine', 'pid', 'heartbeat', 'suspected', 'fenced', 'recoverer'],
    clients,
    (each) => [
      each.id,
      each.incarnation,
      each.state,
      each.machine,
      each.pid,
      each.heartbeat,
      upTo(each.suspectedIncarnation, each),
      upTo(each.fencedIncarnation, each),
      each.recoverer === null ? '' : `client ${each.recoverer.id}`,
    ],
  );
  yield rows('services', ['name', 'connection', 'epoch'], services, (each) => [each.name, each.connection ?? 'none', each.epoch]);
  const peer = (id: number): string => {
    const client = clients.find((each) => each.id === id);
    return client === undefined || client.state === 'free' ? `${id}, who is gone` : `${id} on machine ${client.machine}`;
  };
  yield rows(
    'connections',
    ['slot', 'state', 'epoch', 'server', 'caller', 'window', 'in flight', 'served', 'refused', 'closed by'],
    connections,
    (each) => [
      each.slot,
      each.state,
      each.epoch,
      peer(each.server),
      each.caller === null ? 'none' : peer(each.caller),
      each.window === null ? '' : `${each.window} of ${showBytes(each.payloadBytes ?? 0)}`,
      each.inFlight,
      showCount(each.served),
      showCount(each.refused),
      sides(each.serverClosed && 'server', each.callerClosed && 'caller'),
    ],
  );
  if (heap === undefined) yield 'heap: none';
  else yield* describeHeap(heap);
  yield describeProblems(inspection);
}

function* describeHeap(heap: InspectedHeap): Generator<string> {
  yield describeShape(heap);
  yield rows(
    'segments',
    ['state', 'owner', 'segments', 'bytes', 'free pages', 'blocks', 'in use'],
    segmentGroups(heap),
    (each) => each,
  );
  yield rows(
    'clients of the heap',
    ['id', 'era', 'since', 'roots', 'holds', 'quota', 'in the middle of', 'dying', 'looks at'],
    heap.clients.filter(isWorthARow),
    (each) => [
      each.id,
      each.era,
      each.eraStart,
      each.roots,
      showBytes(each.heldBytes),
      each.quotaBytes === 0 ? 'none' : showBytes(each.quotaBytes),
      each.transaction === null ? '' : `${each.transaction.operation} of ${each.transaction.object}`,
      each.dying === 0 ? '' : each.dying,
      each.hazards.join(' '),
    ],
  );
  yield rows('queues', ['index', 'state', 'sender', 'receiver', 'closed by', 'waiting', 'tag'], heap.queues, (each) => [
    each.index,
    each.state,
    each.sender,
    each.receiver,
    sides(each.senderClosed && 'sender', each.receiverClosed && 'receiver'),
    each.waiting,
    each.tag,
  ]);
  yield rows('named roots', ['name', 'object', 'changed by'], heap.names, (each) => [
    each.name,
    each.object === 0 ? 'nothing' : each.object,
    each.owner === null ? '' : `client ${each.owner}`,
  ]);
  yield `objects: ${showCount(heap.objects)} in blocks of ${showBytes(heap.objectBytes)}; ${showCount(heap.corpses)} being given back; ` +
    `${showCount(heap.unreachable)} unreachable${heap.unreachable === 0 ? '' : ' (cycles, and what hangs on them)'}`;
}

/** One line, for `up` as well. */
export function describeShape({ shape }: Pick<InspectedHeap, 'shape'>): string {
  const refused = shape.coherence === 'none' ? '; REFUSED to everybody: the device promises no coherence between machines' : '';
  return (
    `heap: ${shape.segmentCount} segments of ${showBytes(shape.segmentBytes)} in pages of ${showBytes(shape.pageBytes)}; ` +
    `${shape.clientCount} clients, ${shape.nameCount} names, ${shape.queueCount} queues of ${shape.queueCapacity}; ` +
    `flush policy ${shape.flushPolicy}, coherence ${shape.coherence}${refused}`
  );
}

/** A free client that holds nothing is told by the table of clients. */
function isWorthARow({ heldBytes, roots, transaction, dying, hazards, eraStart, era }: InspectedHeapClient): boolean {
  return heldBytes > 0 || roots > 0 || transaction !== null || dying !== 0 || hazards.length > 0 || era > eraStart;
}

function segmentGroups({ segments, shape }: InspectedHeap): readonly (readonly (string | number)[])[] {
  const groups = new Map<string, InspectedSegment[]>();
  for (const segment of segments) {
    const owner =
      segment.owner === null || segment.state === 'free' ? '' : `client ${segment.owner}, incarnation ${segment.incarnation}`;
    const key = `${segment.state}\n${owner}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [segment]);
    else group.push(segment);
  }
  const sum = (of: readonly InspectedSegment[], value: (each: InspectedSegment) => number): number =>
    of.reduce((total, each) => total + value(each), 0);
  return [...groups].map(([key, of]) => [
    ...key.split('\n'),
    of.length,
    showBytes(of.length * shape.segmentBytes),
    sum(of, ({ freePages }) => freePages),
    showCount(sum(of, ({ blocks }) => blocks)),
    showCount(sum(of, ({ usedBlocks }) => usedBlocks)),
  ]);
}

function describeUse({ readings, unsettled }: PoolInspection): string {
  const leftOut =
    unsettled === 0
      ? ''
      : `; read ${readings} times, and ${unsettled} findings left out that did not stay or belong to an open operation`;
  return `a pool in use: counts may be off by operations in flight${leftOut}`;
}

function describeProblems({ problems, findings }: PoolInspection): string {
  if (problems.length === 0) return 'problems: none';
  const kinds = findings.map(({ kind, count }) => `${showCount(count)} ${kind}`).join(', ');
  const more = problems.length > problemLimit ? `\n  ... --json has ${problems.length - problemLimit} more` : '';
  return `problems (${kinds}):\n${problems
    .slice(0, problemLimit)
    .map((problem) => `  ${problem}`)
    .join('\n')}${more}`;
}

/** A suspicion or a fence of an incarnation that is gone says nothing of the present one. */
function upTo(incarnation: number, client: InspectedClient): string {
  if (incarnation === 0) return '';
  return incarnation >= client.incarnation ? 'yes' : `up to ${incarnation}`;
}

function sides(...closed: readonly (string | false)[]): string {
  return closed.filter((side) => side !== false).join(', ') || 'none';
}

function rows<T>(
  title: string,
  head: readonly string[],
  values: readonly T[],
  cells: (value: T) => readonly (string | number)[],
): string {
  if (values.length === 0) return `${title}: none`;
  const shown = values.slice(0, rowLimit).map((value) => cells(value).map(String));
  const lines = table([head, ...shown]).split('\n');
  if (values.length > rowLimit) lines.push(`... --json has ${showCount(values.length - rowLimit)} more`);
  return `${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
