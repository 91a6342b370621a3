/** Conversations that a seed draws: sends, answers in any order, looks in any order, calls that are given up, references and large messages in both directions. */
import { codes } from '../../../src/layout/index.ts';
import type { ReferenceRequest } from '../../../src/rpc/reference-server.ts';
import type { HeapClient, Ref } from '../../../src/shm/index.ts';
import { randomFrom } from '../schedules.ts';
import { alloc, expectThat, numberOf, type Step, type Talk } from './conversation.ts';

interface Call {
  readonly number: number;
  readonly slot: number;
  readonly sent: readonly number[];
  /** What its response brings, once it is answered. */
  answered?: readonly number[];
}

/** The books of a conversation: what every message must bring. */
class Books {
  readonly calls: Call[] = [];
  readonly waiting: { readonly request: ReferenceRequest; readonly call: Call }[] = [];
  /** Calls that are sent and not finished, in no order. */
  readonly open: Call[] = [];
  taken = 0;
}

export function drawConversation(seed: number, length: number): readonly Step[] {
  const random = randomFrom(seed);
  const books = new Books();
  return Array.from({ length }, (): Step => {
    const draw = random();
    const which = random();
    const count = Math.floor(random() * 4);
    const isMove = random() < 0.5;
    const isLarge = random() < 0.15;
    if (draw < 0.3) return ['caller', (talk) => send(talk, books, count, isMove, isLarge)];
    if (draw < 0.5) return ['server', (talk) => take(talk, books)];
    if (draw < 0.75) return ['server', (talk) => reply(talk, books, which, count, isLarge)];
    if (draw < 0.97) return ['caller', (talk) => look(talk, books, which)];
    return ['caller', (talk) => abandon(talk, books, which)];
  });
}

const numbered = (heap: HeapClient, numbers: readonly number[]): Ref[] => numbers.map((number) => alloc(heap, number));

function payload(number: number, isLarge: boolean): Uint8Array {
  return new Uint8Array(isLarge ? 90 : 8).fill(number & 255);
}

function send({ calls, here }: Talk, books: Books, count: number, move: boolean, isLarge: boolean): void {
  const number = books.calls.length;
  const sent = Array.from({ length: count }, (_, index) => 1_000 * number + index);
  const refs = numbered(here, sent);
  try {
    const slot = calls.send(payload(number, isLarge), { refs, move });
    if (slot === undefined) return;
    const call = { number, slot, sent };
    books.calls.push(call);
    books.open.push(call);
  } finally {
    for (const ref of refs) ref[Symbol.dispose]();
  }
}

function take({ server, isCallerDead }: Talk, books: Books): void {
  const request = server.take(1);
  if (request === 'refused') {
    expectThat(isCallerDead(), 'an honest request is not refused');
    // It came, and the next one may be served: without references it needs nobody to be known.
    books.taken++;
  }
  if (typeof request === 'string') return;
  const call = books.calls[books.taken++];
  // Of who died between the send and its note of it.
  if (call === undefined) return;
  const found = request.refs.map(numberOf);
  expectThat(found.join() === call.sent.join(), `call ${call.number} brings ${call.sent.join()}, not ${found.join()}`);
  expectThat(
    request.bytes.every((byte) => byte === (call.number & 255)),
    `call ${call.number} brings its own bytes`,
  );
  books.waiting.push({ request, call });
}

function reply({ server, there }: Talk, books: Books, which: number, count: number, isLarge: boolean): void {
  const [next] = books.waiting.splice(Math.floor(which * books.waiting.length), 1);
  if (next === undefined) return;
  const { request, call } = next;
  const numbers = Array.from({ length: count }, (_, index) => 1_000 * call.number + 500 + index);
  const returned = count % 2 === 1 ? request.refs.slice(0, 1) : [];
  const made = numbered(there, numbers);
  call.answered = [...numbers, ...returned.map(numberOf)];
  server.reply(request.slot, { bytes: payload(call.number, isLarge), refs: [...made, ...returned] });
}

function look({ calls }: Talk, books: Books, which: number): void {
  const place = Math.floor(which * books.open.length);
  const call = books.open[place];
  const answer = call === undefined ? undefined : calls.poll(call.slot);
  if (call === undefined || answer === undefined) return;
  expectThat(answer.status === codes.OK, `call ${call.number} is answered OK, not ${answer.status}`);
  const found = answer.refs.map(numberOf);
  // Of who died between the reply and its note of it, nothing is known.
  if (call.answered !== undefined)
    expectThat(found.join() === call.answered.join(), `its response brings ${call.answered.join()}, not ${found.join()}`);
  expectThat(
    answer.bytes.every((byte) => byte === (call.number & 255)),
    `the response to call ${call.number} is its own`,
  );
  for (const ref of answer.refs) ref.drop();
  calls.finish(call.slot);
  books.open.splice(place, 1);
}

function abandon({ calls }: Talk, books: Books, which: number): void {
  const [call] = books.open.splice(Math.floor(which * books.open.length), 1);
  if (call !== undefined) calls.abandon(call.slot);
}
