import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, listOf, object, oneOf, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { HeapClient, Ref, SendQueue } from '../shm/index.ts';
import { clientIdentity, heapOf } from './heap-of.ts';
import { moveWhenRoom, queueFrom, waitFor } from './heap-wait.ts';
import { SpanRecorder } from './latency.ts';
import { checkNothingLeft } from './threadtest.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['word-count']['parameters'];
type Counted = Tasks['word-count']['result'];

/**
 * Counts the words of a text, as CXL-SHM's figure 7: mappers put chunks of the text into the heap, count the words of each chunk, and move
 * a table for each reducer through a queue. A table has no words: it refers to its chunk, and says where in there each word is. So what a
 * reducer reads is the chunk itself, which lives as long as one table needs it. At the end each reducer counts the whole text once
 * more, without the heap.
 */
export const wordCount: Workload<'word-count'> = {
  parameters: object<Parameters>({
    role: oneOf('mapper', 'reducer'),
    text: text({ maximum: 4_000_000 }),
    sizeBytes: integer(1, 2 ** 30),
    chunkBytes: integer(64, 2 ** 24),
    share: integer(0, 255),
    shares: integer(1, 256),
    peers: listOf(clientIdentity, 256),
    tag: integer(0),
  }),
  run: (context, parameters) => {
    const heap = heapOf(context.core);
    const before = heap.rootsInUse;
    const counted = parameters.role === 'mapper' ? map(context, heap, parameters) : reduce(context, heap, parameters);
    checkNothingLeft(heap, before);
    return counted;
  },
};

/** A word, as the bytes of its UTF-8 with ASCII letters small, one character a byte. */
type Word = string;

interface Found {
  /** In the chunk, where it was seen first. */
  readonly offset: number;
  readonly length: number;
  count: number;
}

function map(context: TaskContext, heap: HeapClient, parameters: Parameters): Counted {
  const { peers, tag, share, shares, chunkBytes } = parameters;
  const source = replicate(parameters.text, parameters.sizeBytes);
  const queues = peers.map((peer) => heap.openQueue(peer, { tag }));
  const spans = new SpanRecorder();
  const startNs = monotonicNs();
  let words = 0;
  for (const [index, { start, end }] of chunksOf(source, chunkBytes).entries()) {
    if (index % shares !== share) continue;
    const chunkNs = monotonicNs();
    using chunk = heap.alloc(end - start);
    chunk.bytes.set(source.subarray(start, end));
    const found = wordsIn(chunk.bytes.subarray(0, end - start));
    for (const { count } of found.values()) words += count;
    sendTables(context, heap, queues, chunk, found);
    spans.record(`chunk ${index}`, chunkNs, monotonicNs());
  }
  for (const queue of queues) queue.close();
  return { words, distinct: 0, elapsedNs: monotonicNs() - startNs, sourceBytes: source.length, spans: spans.spans() };
}

function sendTables(
  context: TaskContext,
  heap: HeapClient,
  queues: readonly SendQueue[],
  chunk: Ref,
  found: ReadonlyMap<Word, Found>,
): void {
  const shares = queues.map((): Found[] => []);
  for (const [word, where] of found) shares[reducerOf(word, queues.length)]!.push(where);
  for (const [reducer, entries] of shares.entries()) {
    const table = heap.alloc(4 + entries.length * 12, 1);
    table.attach(0, chunk);
    const { view } = table;
    view.setUint32(0, entries.length, true);
    for (const [index, { offset, length, count }] of entries.entries()) {
      view.setUint32(4 + index * 12, offset, true);
      view.setUint32(8 + index * 12, length, true);
      view.setUint32(12 + index * 12, count, true);
    }
    moveWhenRoom(context, queues[reducer]!, table);
  }
}

function reduce(context: TaskContext, heap: HeapClient, parameters: Parameters): Counted {
  const { peers, tag, share, shares } = parameters;
  const spans = new SpanRecorder();
  const startNs = monotonicNs();
  const queues = peers.map((peer) => queueFrom(context, heap, peer, tag));
  const counts = new Map<Word, number>();
  let words = 0;
  for (let open = queues; open.length > 0; open = open.filter(({ isOver }) => !isOver)) {
    waitFor(context, 'tables of the mappers', () => {
      let received = 0;
      for (const queue of open) {
        for (const table of queue.receiveAll()) {
          const tableNs = monotonicNs();
          words += merge(counts, table);
          table.drop();
          received++;
          spans.record('table', tableNs, monotonicNs());
        }
      }
      return received > 0 || open.some(({ isOver }) => isOver) ? true : undefined;
    });
  }
  for (const queue of queues) queue.close();
  const elapsedNs = monotonicNs() - startNs;
  const source = replicate(parameters.text, parameters.sizeBytes);
  compareWithPlain(counts, source, (word) => reducerOf(word, shares) === share);
  return { words, distinct: counts.size, elapsedNs, sourceBytes: source.length, spans: spans.spans() };
}

/** Adds a table up. How many words it stands for. */
function merge(counts: Map<Word, number>, table: Ref): number {
  using chunk = table.acquire(0);
  if (chunk === undefined) throw wrong('a table refers to no chunk');
  const { bytes } = chunk;
  const { view } = table;
  const entries = view.getUint32(0, true);
  let words = 0;
  for (let index = 0; index < entries; index++) {
    const offset = view.getUint32(4 + index * 12, true);
    const length = view.getUint32(8 + index * 12, true);
    const count = view.getUint32(12 + index * 12, true);
    const word = wordAt(bytes, offset, offset + length);
    counts.set(word, (counts.get(word) ?? 0) + count);
    words += count;
  }
  return words;
}

/** As plain JavaScript counts, by a regular expression over a string, this reducer's share. Throws AgentError WRONG_ANSWER. */
function compareWithPlain(counts: ReadonlyMap<Word, number>, source: Uint8Array, isMine: (word: Word) => boolean): void {
  const plain = new Map<Word, number>();
  for (const [match] of new TextDecoder().decode(source).matchAll(/[A-Za-z0-9\u{80}-\u{10ffff}]+/gu)) {
    const small = match.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    const word = Buffer.from(small, 'utf8').toString('latin1');
    if (isMine(word)) plain.set(word, (plain.get(word) ?? 0) + 1);
  }
  for (const word of new Set([...plain.keys(), ...counts.keys()])) {
    if (plain.get(word) === counts.get(word)) continue;
    const shown = Buffer.from(word, 'latin1').toString('utf8');
    throw wrong(
      `${JSON.stringify(shown)} was counted ${counts.get(word) ?? 0} times, and is there ${plain.get(word) ?? 0} times`,
    );
  }
}

function wordsIn(bytes: Uint8Array): Map<Word, Found> {
  const words = new Map<Word, Found>();
  for (let index = 0; index < bytes.length; ) {
    if (!isOfWord(bytes[index]!)) {
      index++;
      continue;
    }
    const offset = index;
    while (index < bytes.length && isOfWord(bytes[index]!)) index++;
    const word = wordAt(bytes, offset, index);
    const known = words.get(word);
    if (known === undefined) words.set(word, { offset, length: index - offset, count: 1 });
    else known.count++;
  }
  return words;
}

function wordAt(bytes: Uint8Array, start: number, end: number): Word {
  let word = '';
  for (let index = start; index < end; index++) {
    const byte = bytes[index]!;
    word += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
  }
  return word;
}

function isOfWord(byte: number): boolean {
  const small = byte | 0x20;
  return (small >= 0x61 && small <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte >= 0x80;
}

function reducerOf(word: Word, reducers: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index++) hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % reducers;
}

const newline = 0x0a;

/** Whole lines of the text, over and over, up to `sizeBytes`. */
export function replicate(source: string, sizeBytes: number): Uint8Array {
  const once = new TextEncoder().encode(`${source}\n`);
  const whole = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += once.length) whole.set(once.subarray(0, Math.min(once.length, sizeBytes - at)), at);
  const end = whole.lastIndexOf(newline) + 1;
  if (end > 0) return whole.subarray(0, end);
  throw new AgentError('BAD_PARAMETERS', `not even one line of the text fits into ${sizeBytes} bytes`);
}

/** Of about `chunkBytes`, each to the end of a line. */
function chunksOf(source: Uint8Array, chunkBytes: number): { readonly start: number; readonly end: number }[] {
  const chunks = [];
  for (let start = 0; start < source.length; ) {
    const end = source.indexOf(newline, Math.min(start + chunkBytes, source.length) - 1) + 1;
    chunks.push({ start, end });
    start = end;
  }
  return chunks;
}

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'the words counted through the heap are not those of the text', {
    cause,
    hint: 'an object was lost or freed too early: keep the pool for a post-mortem (`inspect`)',
  });
}
