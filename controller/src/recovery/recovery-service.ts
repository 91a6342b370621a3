/**
 * Recovery of machines that die (design D7). Agents suspect; this service asks the provider whether the suspect's machine has ended, or
 * ends it where the policy says so; only then it grants the fences to an agent that lives, which recovers. It knows nothing that a later
 * one would miss: who is suspected stands in the agents' status.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { inspectPoolFile } from '@cxlpod/agent/inspect';
import type { AgentEvent, ClientIdentity, Suspicion } from '@cxlpod/agent/protocol';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import type { Machine, PodPaths } from '../provider/provider.ts';
import type { Timeline } from '../traces/timeline.ts';
import { Case } from './case.ts';
import type { RecoveryOutcome, RecoveryPolicy } from './outcome.ts';

/** The machines as they are now: after a restart there may be another agent. One that is dead may have none. */
export interface RecoverablePod {
  readonly paths: Pick<PodPaths, 'poolFile'>;
  readonly machines: readonly { readonly machine: Machine; readonly agent: AgentConnection | null }[];
}

export interface RecoveryService extends AsyncDisposable {
  /** Of everybody who was suspected, or recovered by this service, so far. */
  outcomes(): readonly RecoveryOutcome[];
  /** Once no machine ends or starts any more: resolves when all clients of ended machines are recovered, or at the deadline. */
  finish(options: { readonly deadlineMs: number }): Promise<void>;
}

/** Between two questions to the provider about the same machine. */
const askAgainAfterMs = 200;
const lookForAgentsEveryMs = 1_000;
const grantTimeoutMs = 20_000;
const statusTimeoutMs = 5_000;
/** Agents look every beat who has left the pool. */
const toldWithinMs = 2_000;
/** An agent that answers within it lives, and so does its machine. Or the lease, if that is longer. */
const answerWithinMs = 1_000;

/** Resolves when all agents that answer watch with the policy's lease. */
export async function startRecovery(pod: RecoverablePod, timeline: Timeline, policy: RecoveryPolicy): Promise<RecoveryService> {
  const service = new Service(pod, timeline, policy);
  await service.attach();
  return service;
}

class Service implements RecoveryService {
  readonly #pod: RecoverablePod;
  readonly #timeline: Timeline;
  readonly #policy: RecoveryPolicy;
  /** By machine number. */
  readonly #open = new Map<number, Case>();
  readonly #closed: RecoveryOutcome[] = [];
  readonly #attached = new Map<AgentConnection, () => void>();
  readonly #ending = new AbortController();
  readonly #pursuits = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(pod: RecoverablePod, timeline: Timeline, policy: RecoveryPolicy) {
    this.#pod = pod;
    this.#timeline = timeline;
    this.#policy = policy;
    this.#timer = setInterval(() => void this.attach(), lookForAgentsEveryMs).unref();
  }

  outcomes(): readonly RecoveryOutcome[] {
    return [...this.#closed, ...[...this.#open.values()].flatMap((each) => each.outcomes())];
  }

  /** To every agent that was not there before. Never rejects: one that does not answer is what this is about. */
  async attach(): Promise<void> {
    const unknown = this.#pod.machines.flatMap(({ agent }) => (agent === null || this.#attached.has(agent) ? [] : [agent]));
    await Promise.allSettled(unknown.map((agent) => this.#attachTo(agent)));
  }

  async finish({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    await this.attach();
    for (const { machine } of this.#pod.machines) await this.#recoverUnsuspected(machine);
    while (performance.now() < endMs && (await this.#isRecoverable())) await delay(askAgainAfterMs);
    const toldByMs = Math.min(endMs, performance.now() + toldWithinMs);
    while (performance.now() < toldByMs && this.#hasLeftUntold()) await delay(askAgainAfterMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    for (const unsubscribe of this.#attached.values()) unsubscribe();
    await Promise.all(this.#pursuits);
  }

  async #attachTo(agent: AgentConnection): Promise<void> {
    const unsubscribe = agent.onEvent((event) => this.#onEvent(event));
    this.#attached.set(agent, unsubscribe);
    await agent.request('watchHeartbeats', { leaseMs: this.#policy.leaseMs }, { timeoutMs: statusTimeoutMs });
    // What was suspected before was told to nobody, or to a controller that is gone.
    const { suspicions } = await agent.request('status', {}, { timeoutMs: statusTimeoutMs });
    for (const suspicion of suspicions) this.#suspect(suspicion);
  }

  #onEvent(event: AgentEvent): void {
    if (event.event === 'suspected') this.#suspect(event);
    if (event.event === 'unsuspected') this.#open.get(event.machineNumber)?.unsuspect(event.clients);
  }

  #suspect({ machineNumber, suspects, clients }: Suspicion): void {
    const machine = this.#pod.machines.find((each) => each.machine.number === machineNumber)?.machine;
    // Told by an agent that has not seen yet what another one did.
    const living = suspects.filter((client) => !this.#closed.some((each) => isSame(each, client) && each.state !== 'slow'));
    if (machine === undefined || living.length === 0 || this.#ending.signal.aborted) return;
    const open = this.#open.get(machineNumber) ?? this.#begin(machine);
    open.suspect(living, clients);
  }

  #begin(machine: Machine): Case {
    const open = new Case(machine, this.#timeline);
    this.#open.set(machine.number, open);
    // After the suspects are in it.
    const pursuit = Promise.resolve()
      .then(() => this.#pursue(open))
      .then(() => {
        this.#pursuits.delete(pursuit);
        this.#open.delete(machine.number);
        this.#closed.push(...open.outcomes());
      });
    this.#pursuits.add(pursuit);
    return open;
  }

  /** Until nobody of that machine is suspected any more. Never rejects. */
  async #pursue(open: Case): Promise<void> {
    while (open.isPending && !this.#ending.signal.aborted) {
      // Before the provider is asked: whoever is seen after its answer may be of the machine's next life.
      const clients = open.clients();
      try {
        if (await this.#hasEnded(open.machine)) {
          open.seeEnd();
          await this.#grant(open, clients);
        } else {
          open.stall(`${open.machine.name} has not ended`);
        }
      } catch (error) {
        open.stall(messageOf(error));
      }
      if (open.isPending) await delay(askAgainAfterMs, undefined, { signal: this.#ending.signal }).catch(() => {});
    }
  }

  async #hasEnded(machine: Machine): Promise<boolean> {
    if (!(await machine.isAlive())) return true;
    if (this.#policy.fence === 'observed-end' || (await this.#answers(machine))) return false;
    await machine.powerOff();
    return true;
  }

  /** A machine whose agent answers is not dead, only some of its workers stand still; it watches over them itself. */
  async #answers({ number }: Machine): Promise<boolean> {
    const agent = this.#pod.machines.find(({ machine }) => machine.number === number)?.agent ?? null;
    const timeoutMs = Math.max(answerWithinMs, this.#policy.leaseMs);
    return (
      (await agent?.request('status', {}, { timeoutMs }).then(
        () => true,
        () => false,
      )) ?? false
    );
  }

  async #grant(open: Case, clients: readonly ClientIdentity[]): Promise<void> {
    const machineNumber = open.machine.number;
    const fencedAt = this.#timeline.now();
    const { by, answer } = await this.#askSurvivor(open.machine, (agent) =>
      agent.request('grantFence', { machineNumber, clients }, { timeoutMs: grantTimeoutMs }),
    );
    open.recovered(clients, answer.clients, by, fencedAt);
  }

  /** What nobody suspects: it ended a moment ago, or nobody lived to suspect it. */
  async #recoverUnsuspected(machine: Machine): Promise<void> {
    // Asked again when they are listed; most machines live, and to read a pool takes longer.
    if (await machine.isAlive()) return;
    const clients = inspectPoolFile(this.#pod.paths.poolFile).clients.flatMap((each) =>
      each.state !== 'free' && each.machine === machine.number ? [{ id: each.id, incarnation: each.incarnation }] : [],
    );
    // Suspected before: then it is pursued already.
    if (clients.length > 0 && !this.#open.has(machine.number)) this.#begin(machine).expect(clients);
  }

  /** Somebody was slow, and has left the pool since: whoever suspected him tells at his next look. */
  #hasLeftUntold(): boolean {
    const suspects = [...this.#open.values()].flatMap((each) => each.outcomes()).filter(({ state }) => state === 'pending');
    if (suspects.length === 0) return false;
    try {
      const { clients } = inspectPoolFile(this.#pod.paths.poolFile);
      return suspects.some((suspect) => !clients.some((each) => each.state !== 'free' && isSame(each, suspect)));
    } catch {
      // Of a pool that cannot be read, others tell.
      return false;
    }
  }

  /** One agent after the other, until one does it; those that are themselves suspected come last. */
  async #askSurvivor<Answer>(dead: Machine, ask: (agent: AgentConnection) => Promise<Answer>) {
    const others = this.#pod.machines.filter(({ machine }) => machine.number !== dead.number);
    const rank = (number: number): number => (this.#open.has(number) ? 1 : 0);
    const order = [...others].sort((a, b) => rank(a.machine.number) - rank(b.machine.number));
    const refusals: string[] = [];
    for (const { machine, agent } of order) {
      if (agent === null || !(await machine.isAlive())) continue;
      try {
        return { by: machine.name, answer: await ask(agent) };
      } catch (error) {
        refusals.push(messageOf(error));
      }
    }
    throw new Error(refusals[0] ?? 'no other machine lives that could recover them');
  }

  /** A machine has ended, and there is somebody who can recover its clients; or that is not known yet. */
  async #isRecoverable(): Promise<boolean> {
    if (this.#open.size === 0) return false;
    if ([...this.#open.values()].some(({ isUndecided }) => isUndecided)) return true;
    const alive = await Promise.all(this.#pod.machines.map(({ machine }) => machine.isAlive()));
    const hasEnded = this.#pod.machines.some(({ machine }, index) => !alive[index] && this.#open.has(machine.number));
    return hasEnded && alive.some((each) => each);
  }
}

function isSame(a: ClientIdentity, b: ClientIdentity): boolean {
  return a.id === b.id && a.incarnation === b.incarnation;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
