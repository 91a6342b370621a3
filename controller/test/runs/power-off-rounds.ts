/**
 * Rounds in which one of two machines is powered off while clients on both share objects: what each had allocated is held by the other, and
 * structures are on their way from one to the other. The one that lives recovers the dead ones' clients, works on meanwhile, and then
 * every reference of the pool is counted.
 */
import type { PoolInspection } from '@cxlpod/agent/inspect';
import type { ClientIdentity, Survival, Tasks } from '@cxlpod/agent/protocol';
import { expect } from 'vitest';
import type { Pod, PodMachine } from '../../src/cluster/pod.ts';
import { powerOffAndRecover, powerOn } from '../../src/cluster/recover-machine.ts';
import type { CxlpodError } from '../../src/errors/cxlpod-error.ts';
import { inspect, runTask, startWorker, taskMs, until } from './pod-at-work.ts';

export interface Round {
  readonly recovered: number;
  /** From the machine's observed end. */
  readonly recoveredMs: number;
  /** What the dead machine's clients were in the middle of, as its end was seen. */
  readonly open: readonly string[];
  readonly survivals: readonly Survival[];
  /** Found by the audit while the survivor was in the middle of its work, paused. */
  readonly objectsInUse: number;
}

const watchedAfterMs = 500;
const structure = { objects: 12, objectBytes: 64, structures: 100_000_000, batch: 1 };
/** So that a machine does not die at the same point of its work every time. */
const transactionsBeforeEnd = [1_000, 3_000, 10_000, 2_000, 6_000];

/** `pairs`: how many clients of each machine share objects with one of the other, besides the two that hand over. */
export async function powerOffRounds(pod: Pod, rounds: number, pairs: number): Promise<Round[]> {
  const [survivor, first] = pod.machines as [PodMachine, PodMachine];
  const churners = await startChurners(survivor, pairs);
  const done: Round[] = [];
  let victim = first;
  try {
    for (let round = 0; round < rounds; round++) {
      if (round > 0) victim = await powerOn(victim.machine, pod.topology, { signal: AbortSignal.timeout(taskMs), quiet: true });
      done.push(await powerOffInTheMiddle(pod, { survivor, victim, churners, round }));
    }
  } finally {
    if (victim !== first) await victim.agent.close();
  }
  for (const worker of churnersOf(pairs)) await survivor.agent.request('stopWorker', { worker, how: 'graceful' });
  await startWorker(survivor, 'collector');
  const collected = { role: 'restart', partners: [], bucketMs: 1, afterMs: 1, seed: 0 } as const;
  expect(await runTask(survivor, 'collector', 'heap-churn', collected)).toMatchObject({ restart: { problems: [], left: 0 } });
  await survivor.agent.request('stopWorker', { worker: 'collector', how: 'graceful' });
  expect(auditOf(pod)).toEqual({ ...empty, corpses: 0, inUse: false });
  return done;
}

interface Scene {
  readonly survivor: PodMachine;
  readonly victim: PodMachine;
  /** Of the survivor; they joined once and stay. */
  readonly churners: readonly ClientIdentity[];
  readonly round: number;
}

async function powerOffInTheMiddle(pod: Pod, { survivor, victim, churners, round }: Scene): Promise<Round> {
  const doomed = await startChurners(victim, churners.length);
  const [handing, doomedHanding] = await Promise.all([startWorker(survivor, 'hand-over'), startWorker(victim, 'hand-over')]);
  const watched = { bucketMs: 10, afterMs: watchedAfterMs, seed: round + 1 };
  const churn = (on: PodMachine, role: 'survivor' | 'victim', partners: readonly ClientIdentity[]) =>
    churnersOf(partners.length).map((worker, index) =>
      runTask(on, worker, 'heap-churn', { role, partners: [partners[index]!], ...watched }),
    );
  const erasAtStart = erasOf(pod);
  const survived = churn(survivor, 'survivor', doomed);
  const died = churn(victim, 'victim', churners);
  // In turns: who dies is the one that sends, or the one that receives.
  const diesSending = round % 2 === 0;
  const manner = (['copy', 'move'] as const)[(round >> 1) % 2]!;
  const handOver = (role: 'sender' | 'receiver', peer: ClientIdentity) => ({ role, peer, tag: round, manner, ...structure });
  const handed = runTask(survivor, 'hand-over', 'hand-over', handOver(diesSending ? 'receiver' : 'sender', doomedHanding));
  const diedHanding = runTask(victim, 'hand-over', 'hand-over', handOver(diesSending ? 'sender' : 'receiver', handing));
  const tasks = [...survived, ...died, handed, diedHanding];
  const everybody = [...churners, ...doomed, handing, doomedHanding];
  const victims = [...doomed, doomedHanding];
  const wanted = transactionsBeforeEnd[round % transactionsBeforeEnd.length]!;
  await Promise.race([
    // Who came in an earlier round must have worked in this one, too.
    until('the clients of both machines are at work', () => {
      const eras = erasOf(pod);
      return everybody.every(({ id }) => eras.get(id)! - erasAtStart.get(id)! >= wanted);
    }),
    // A task that cannot work says why.
    Promise.all(tasks),
  ]);

  await victim.machine.powerOff();
  const open = inspect(pod).heap!.clients.flatMap(({ id, transaction }) =>
    transaction !== null && victims.some((each) => each.id === id) ? [transaction.operation] : [],
  );
  const { clients, tookMs } = await powerOffAndRecover(victim, survivor);

  expect([...clients].sort(byId)).toEqual(victims.sort(byId));
  const again = await survivor.agent.request('recoverMachine', { machineNumber: victim.machine.number });
  expect(again.clients).toEqual([]);
  await survivor.machine.pause();
  const inTheMiddle = inspect(pod);
  await survivor.machine.resume();
  expect(inTheMiddle.problems).toEqual([]);
  expect(ofMachine(inTheMiddle, victim.machine.number)).toEqual([]);

  const survivals = ((await Promise.all(survived)) as Tasks['heap-churn']['result'][]).map(({ survival }) => survival!);
  // That they had worked beside the victims was awaited; how much of it fills whole buckets of time depends on the cores.
  for (const { after: later } of survivals) expect(later.operations).toBeGreaterThan(0);
  // Everything that came was read word for word before the end of its sender was seen; or the end of the receiver is told to the sender.
  const handEnd = (await handed.catch((error: CxlpodError) => error)) as CxlpodError;
  expect(describe(handEnd)).toMatch(diesSending ? /[1-9]\d* structures came, 100000000 were sent/ : /PEER_LOST/);
  await Promise.allSettled(tasks);
  await survivor.agent.request('stopWorker', { worker: 'hand-over', how: 'graceful' });
  const { corpses, ...left } = auditOf(pod);
  expect(left).toEqual({ ...empty, inUse: true });
  // Who dies between taking a corpse off its list and clearing its word leaves it to the owner's next sweep, which is due when that needs memory.
  expect(corpses).toBeLessThanOrEqual((round + 1) * victims.length);
  return { recovered: clients.length, recoveredMs: tookMs, open, survivals, objectsInUse: inTheMiddle.heap!.objects };
}

const empty = { problems: [], objects: 0, unreachable: 0, queues: 0, named: 0 };

/** Everybody who lives is between two operations, and has given back what it had. */
function auditOf(pod: Pod) {
  const { problems, heap, inUse } = inspect(pod);
  const { objects, corpses, unreachable, queues, names } = heap!;
  return {
    problems,
    objects,
    corpses,
    unreachable,
    queues: queues.length,
    named: names.filter(({ object }) => object !== 0).length,
    inUse,
  };
}

/** By client id. */
function erasOf(pod: Pod): Map<number, number> {
  return new Map(inspect(pod).heap!.clients.map(({ id, era }) => [id, era]));
}

function ofMachine({ clients }: PoolInspection, machineNumber: number) {
  return clients.filter(({ state, machine }) => state !== 'free' && machine === machineNumber);
}

function churnersOf(pairs: number): string[] {
  return Array.from({ length: pairs }, (_, index) => `churn-${index + 1}`);
}

async function startChurners(on: PodMachine, pairs: number): Promise<ClientIdentity[]> {
  const clients: ClientIdentity[] = [];
  for (const worker of churnersOf(pairs)) clients.push(await startWorker(on, worker));
  return clients;
}

function describe(error: CxlpodError): string {
  return `${error.code} ${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`;
}

function byId(a: ClientIdentity, b: ClientIdentity): number {
  return a.id - b.id;
}

export function sayRounds(what: string, rounds: readonly Round[]): void {
  const ms = rounds.map(({ recoveredMs }) => Math.round(recoveredMs));
  const clients = rounds.reduce((sum, { recovered }) => sum + recovered, 0);
  const open = rounds.flatMap((round) => round.open);
  const survived = rounds.flatMap(({ survivals }) => survivals).reduce((sum, each) => sum + each.after.operations, 0);
  console.log(
    `${what}: ${rounds.length} rounds, ${clients} clients recovered, ${ms.join(', ')} ms from the observed end to recovered; ` +
      `${open.length} of them died inside an operation (${open.join(', ') || 'none'}); survivors made ${survived} operations after the fences; ` +
      `objects in use at the audit in the middle: ${rounds.map(({ objectsInUse }) => objectsInUse).join(', ')}`,
  );
}
