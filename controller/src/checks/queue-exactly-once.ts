import type { HistoryRecord } from '@cxlpod/agent/history';
import type { Evidence } from '../runs/evidence.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { diedUnasked } from './the-dead.ts';

/** What a history says of one item: `queue-push` names it as its argument, `queue-pop` as its result, 0 for an empty queue. */
interface Item {
  readonly value: number;
  readonly pusher: string;
  readonly pushInvoked: number;
  /** Infinity while it is not known whether it was pushed. */
  pushEnded: number;
  pushed: 'yes' | 'no' | 'perhaps';
  readonly pops: Pop[];
}

/** From ticket to ticket. */
interface Pop {
  readonly by: string;
  readonly invoked: number;
  readonly ended: number;
}

type Operation = Extract<HistoryRecord, { readonly kind: 'invoke' | 'end' }>;

export const queueExactlyOnce: Check = {
  name: 'queue-exactly-once',
  sentence:
    'Every item that was pushed is popped exactly once, and those of one pusher in its order; of what the dead were at, at most once.',
  check: (evidence) => {
    const { history } = evidence;
    if (history === null) return unknown('The history could not be read.');
    if (history.overflow > 0) return unknown(`${history.overflow} records found no room in the history.`);
    const queue = readQueue(history.records, namesOf(evidence));
    const facts = { pushed: queue.items.size, pendingPops: queue.pendingPops, emptyAt: queue.emptyAt };
    if (queue.items.size === 0) return unknown('Nothing was pushed.', facts);
    const deaths = deathsIn(evidence);
    const problem = queue.problem ?? firstProblem(queue, deaths);
    if (problem !== null) return invalid(problem.sentence, { ...facts, ...problem.evidence, deaths });
    const lastPush = Math.max(
      ...[...queue.items.values()].map(({ pushEnded, pushInvoked }) => (pushEnded === Infinity ? pushInvoked : pushEnded)),
    );
    const missing = [...queue.items.values()].filter(({ pushed, pops }) => pushed === 'yes' && pops.length === 0);
    if (missing.length === 0)
      return valid(`All ${queue.items.size} items that were pushed were popped once, those of each pusher in order.`, facts);
    if (queue.emptyAt < lastPush)
      return unknown(`${missing.length} items were not popped, and nobody found the queue empty afterwards.`, facts);
    // A pop that nobody saw the end of has taken one item, or none.
    if (missing.length <= queue.pendingPops) {
      return valid(`Every item was popped once; ${missing.length} of ${queue.items.size} were taken by pops that died.`, facts);
    }
    const values = missing.map(({ value }) => value);
    return invalid(
      `${missing.length} items were pushed and never popped, though the queue was found empty afterwards; the first is ${values[0]} of ${missing[0]!.pusher}.`,
      { ...facts, lost: values.slice(0, 100), deaths },
    );
  },
};

interface QueueHistory {
  /** By value, in the order in which their pushes began. */
  readonly items: ReadonlyMap<number, Item>;
  readonly pendingPops: number;
  /** Ticket at which the last pop began that found nothing; -1: none did. */
  readonly emptyAt: number;
  readonly problem: Problem | null;
}

interface Problem {
  readonly sentence: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

type Process = Pick<HistoryRecord, 'machine' | 'pid'>;
type NamesOf = (process: Process) => string;

/** A worker that was started again is another process, whose order is its own. */
function namesOf({ exits, machines }: Evidence): NamesOf {
  return ({ machine, pid }) => {
    const exit = exits.find((each) => each.pid === pid && each.machine === machines[machine - 1]);
    return exit === undefined ? `machine ${machine}, pid ${pid}` : `${exit.worker} on ${exit.machine} (pid ${pid})`;
  };
}

interface Death {
  readonly of: string;
  /** Of the last that it wrote. */
  readonly ticket: number;
}

/** Of those that nobody had asked to end, and that are in the history. */
function deathsIn(evidence: Evidence): readonly Death[] {
  const died = diedUnasked(evidence);
  const nameOf = namesOf(evidence);
  const last = new Map<string, number>();
  for (const record of evidence.history?.records ?? []) {
    if (record.kind !== 'recovered' && died.has(record)) last.set(nameOf(record), record.ticket);
  }
  return [...last].map(([of, ticket]) => ({ of, ticket }));
}

function readQueue(records: readonly HistoryRecord[], nameOf: NamesOf): QueueHistory {
  const items = new Map<number, Item>();
  const open = new Map<string, Operation & { readonly kind: 'invoke' }>();
  let emptyAt = -1;
  let problem: Problem | null = null;
  const popped: (Pop & { readonly value: number })[] = [];
  for (const record of records) {
    if (record.kind === 'invoke' && (record.operation === 'queue-push' || record.operation === 'queue-pop')) {
      open.set(keyOf(record), record);
      if (record.operation === 'queue-pop') continue;
      const value = record.argument;
      if (items.has(value))
        problem ??= { sentence: `Item ${value} was pushed twice: give every item a number of its own.`, evidence: { value } };
      items.set(value, {
        value,
        pusher: nameOf(record),
        pushInvoked: record.ticket,
        pushEnded: Infinity,
        pushed: 'perhaps',
        pops: [],
      });
    } else if (record.kind === 'end' && (record.operation === 'queue-push' || record.operation === 'queue-pop')) {
      const invoke = open.get(keyOf(record));
      if (invoke === undefined) continue;
      open.delete(keyOf(record));
      if (record.operation === 'queue-pop') {
        if (record.outcome !== 'ok') continue;
        if (record.result === 0) emptyAt = Math.max(emptyAt, invoke.ticket);
        else popped.push({ value: record.result, by: nameOf(record), invoked: invoke.ticket, ended: record.ticket });
        continue;
      }
      const item = items.get(invoke.argument)!;
      item.pushEnded = record.ticket;
      if (record.outcome === 'ok') item.pushed = 'yes';
      else if (record.outcome === 'refused') item.pushed = 'no';
    }
  }
  for (const { value, ...pop } of popped) {
    const item = items.get(value);
    if (item === undefined)
      problem ??= { sentence: `Item ${value} was popped, and nobody pushed it.`, evidence: { value, pops: [pop] } };
    else item.pops.push(pop);
  }
  return { items, emptyAt, problem, pendingPops: [...open.values()].filter(({ operation }) => operation === 'queue-pop').length };
}

function firstProblem({ items }: QueueHistory, deaths: readonly Death[]): Problem | null {
  const latest = new Map<string, { readonly item: Item; readonly invoked: number }>();
  for (const item of items.values()) {
    const { value, pusher, pops, pushed, pushInvoked } = item;
    const [pop, again] = pops;
    if (pop === undefined) continue;
    const evidence = { value, pusher, pushInvoked, pops };
    if (again !== undefined) {
      const by = pops.map((each) => each.by).join(', then by ');
      const meanwhile = deaths.filter(({ ticket }) => ticket > pop.invoked && ticket < again.ended).map(({ of }) => of);
      const died = meanwhile.length === 0 ? '' : `; meanwhile ${meanwhile.join(' and ')} died`;
      return { sentence: `Item ${value} of ${pusher} was popped ${pops.length} times, by ${by}${died}.`, evidence };
    }
    if (pushed === 'no') return { sentence: `Item ${value} of ${pusher} was popped, though its push was refused.`, evidence };
    if (pop.ended < pushInvoked) return { sentence: `Item ${value} of ${pusher} was popped before its push began.`, evidence };
    // Popped before an earlier item of the same pusher was even asked for.
    const earlier = latest.get(pusher);
    if (earlier !== undefined && pop.ended < earlier.invoked) {
      return {
        sentence: `Item ${value} of ${pusher} overtook item ${earlier.item.value}, which was pushed before it.`,
        evidence: { ...evidence, overtaken: earlier.item },
      };
    }
    if (earlier === undefined || pop.invoked > earlier.invoked) latest.set(pusher, { item, invoked: pop.invoked });
  }
  return null;
}

function keyOf({ machine, pid, call }: Operation): string {
  return `${machine}/${pid}/${call}`;
}
