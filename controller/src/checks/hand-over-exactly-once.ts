import { queueOf } from '@cxlpod/agent/history';
import type { Evidence } from '../runs/evidence.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { clientKey, endsOf, invokesOf } from './read-calls.ts';
import { deadClientsOf } from './the-dead.ts';

const namedProblems = 10;

/**
 * By the records of `queue-send` and `queue-receive`. An item that its sender was at when it died may arrive or not; one that was sent
 * may be lost with its receiver, and with nobody else. Nothing arrives twice, whoever died.
 */
export const handOverExactlyOnce: Check = {
  name: 'hand-over-exactly-once',
  sentence:
    'Every item that was sent through a queue of the heap arrives exactly once, in the order of its sender; nothing else arrives.',
  check: (evidence) => {
    const { history, workload } = evidence;
    if (history === null) return unknown('The history could not be read.');
    if (history.overflow > 0) return unknown(`${history.overflow} records found no room in the history.`);
    const queues = queuesOf(evidence);
    if (queues.length === 0) return unknown('The history has no item of a queue: the workload was not told to write it.');
    const wrong = queues.flatMap(wrongIn);
    if (wrong.length > 0) {
      const more = wrong.length > 1 ? `, and ${wrong.length - 1} more` : '';
      return invalid(`${wrong[0]}${more}.`, { problems: wrong.slice(0, namedProblems) });
    }
    const count = (of: (queue: Queue) => number): number => queues.reduce((sum, queue) => sum + of(queue), 0);
    const facts = {
      queues: queues.length,
      sent: count(({ sent }) => sent.size),
      received: count(({ received }) => received.length),
      inFlight: count((queue) => openOf(queue).length),
      missing: count((queue) => missingOf(queue).length),
    };
    const lost = queues.flatMap((queue) => missingOf(queue).map((item) => ({ queue, item })));
    const unexcused = lost.find(({ queue }) => !queue.isReceiverDead);
    if (unexcused !== undefined) {
      const sentence = `Item ${unexcused.item} of queue ${unexcused.queue.number} was sent and never arrived, and its receiver did not die`;
      // Whatever ended the workload early may have ended the receiver's work.
      return workload === null ? unknown(`${sentence}; but the workload failed.`, facts) : invalid(`${sentence}.`, facts);
    }
    const excused = facts.missing > 0 ? `; ${facts.missing} were lost with their receivers` : '';
    return valid(`${facts.received} of ${facts.sent} items arrived, each once and in order${excused}.`, facts);
  },
};

interface Queue {
  readonly number: number;
  /** By number of the item, in the order in which the sends began. */
  readonly sent: Map<number, { readonly began: number; isAnswered: boolean }>;
  readonly received: { readonly item: number; readonly ticket: number }[];
  isReceiverDead: boolean;
}

function queuesOf(evidence: Evidence): Queue[] {
  const { records } = evidence.history!;
  const dead = deadClientsOf(evidence);
  const ended = new Set(
    endsOf(records)
      .filter(({ outcome }) => outcome === 'ok')
      .map(clientKey),
  );
  const queues = new Map<number, Queue>();
  for (const invoke of invokesOf(records)) {
    if (invoke.operation !== 'queue-send' && invoke.operation !== 'queue-receive') continue;
    const { queue: number, number: item } = queueOf(invoke.call);
    const queue: Queue = queues.get(number) ?? { number, sent: new Map(), received: [], isReceiverDead: false };
    queues.set(number, queue);
    if (invoke.operation === 'queue-send') {
      queue.sent.set(item, { began: invoke.ticket, isAnswered: ended.has(clientKey(invoke)) });
      if (dead.ids.has(invoke.argument)) queue.isReceiverDead = true;
    } else {
      queue.received.push({ item, ticket: invoke.ticket });
      if (dead.has(invoke)) queue.isReceiverDead = true;
    }
  }
  return [...queues.values()];
}

function wrongIn({ number, sent, received }: Queue): string[] {
  const wrong: string[] = [];
  const place = new Map([...sent.keys()].map((item, index) => [item, index]));
  const seen = new Set<number>();
  let last = -1;
  for (const { item, ticket } of received) {
    const what = `item ${item} of queue ${number} arrived at ${ticket}`;
    const send = sent.get(item);
    if (seen.has(item)) wrong.push(`${what} for the second time`);
    else if (send === undefined) wrong.push(`${what} and was never sent`);
    else if (send.began > ticket) wrong.push(`${what}, before it was sent at ${send.began}`);
    else if (place.get(item)! < last) wrong.push(`${what}, after one that was sent later`);
    seen.add(item);
    last = Math.max(last, place.get(item) ?? -1);
  }
  return wrong;
}

const openOf = ({ sent }: Queue): number[] => [...sent].filter(([, { isAnswered }]) => !isAnswered).map(([item]) => item);

function missingOf({ sent, received }: Queue): number[] {
  const arrived = new Set(received.map(({ item }) => item));
  return [...sent].filter(([item, { isAnswered }]) => isAnswered && !arrived.has(item)).map(([item]) => item);
}
