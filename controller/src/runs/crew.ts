/**
 * The workers of one run: started where the workload posts them, armed as the faults ask, their deaths seen and kept. A post whose
 * worker died may be filled again; its duty then starts over.
 */
import type { AgentEvent, ClientIdentity, Passage, Requests, TaskName, Tasks, WorkerExit } from '@cxlpod/agent/protocol';
import type { Pod, PodMachine } from '../cluster/pod.ts';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import type { Timeline } from '../traces/timeline.ts';
import type { HiredWorker } from './begun-run.ts';
import type { SeenExit } from './evidence.ts';
import type { Journal, PastHire, PastTask } from './journal.ts';
import { type CrewMemory, diverged, type PastCrew } from './past-crew.ts';

/** A place for a worker: machine and name of the worker. */
export interface Post {
  readonly machine: string;
  readonly worker: string;
}

/**
 * At the so-manieth passage of a crash point, or before its so-manieth access to shared memory. With `until` it only stands still there, and
 * dies at that passage once it was continued.
 */
export type Crash = (Passage & { readonly until?: Passage }) | { readonly access: number };

/** A worker process from its start to its end. */
export interface Hand {
  readonly post: Post;
  readonly pid: number;
  readonly client: ClientIdentity;
  /** From 1; each restart of the post adds one. */
  readonly attempt: number;
  /** What it was armed with when it started. */
  readonly crash: Crash | null;
  /** Of what it stamps. */
  readonly clock: string;
  /** Resolves when its end was seen. Never rejects. */
  readonly exit: Promise<SeenExit>;
  task<Name extends TaskName>(
    name: Name,
    parameters: Tasks[Name]['parameters'],
    options: { readonly deadlineMs: number; readonly label?: string },
  ): Promise<Tasks[Name]['result']>;
}

/** What a worker does from its start until there is nothing left to do. */
export type Duty<Result> = (hand: Hand) => Promise<Result>;

export interface Employment<Result> {
  /** Of the duties that ended by themselves, in order; those of workers that died have none. Rejects when a living worker fails. */
  results(): Promise<readonly Result[]>;
  /** The post's duty is over: whoever fills it from now on gets none. */
  end(): void;
}

/** Beside the task's own deadline: for the way there and back, and for an agent that is busy. */
const answerGraceMs = 10_000;
/** Longer than the agent's own limit, which says more: on starved cores an emulated machine takes a minute to start a process. */
const startTimeoutMs = 150_000;
const stopTimeoutMs = 30_000;
const exitSeenWithinMs = 10_000;
/** Of a worker that can no longer be asked: it may work on without an agent, until the next one of its machine tells its end. */
const orphanEndsWithinMs = 150_000;

interface Place {
  readonly post: Post;
  hand: Hand | null;
  attempts: number;
  /** How many duties it has had. */
  duties: number;
  resume: ((hand: Hand) => void) | null;
  /** Hired by a controller that is gone, in order, and not yet asked for by the workload that is gone through again. */
  readonly past: { readonly hire: PastHire; readonly hand: Hand }[];
  /** Who waits for the first worker of this post. */
  readonly awaiting: Set<(hand: Hand) => void>;
}

/** What the next worker of a post is armed with, and by which fault. */
export interface Arms {
  next(post: Post): { readonly crash: Crash; readonly by: number } | null;
  /** The same again, for one that it was hired with. */
  again(by: number, post: Post): Crash | null;
}

export class Crew {
  readonly exits: SeenExit[] = [];
  readonly hired: HiredWorker[] = [];
  /** Told of every worker that is hired, and of every end. */
  onChange: () => void = () => {};
  /** How often a post was filled again. */
  restarts = 0;
  /** Resolves when the first worker was given something to do, clocks aside. */
  readonly atWork: Promise<void>;
  #beAtWork: () => void = () => {};
  readonly #pod: Pod;
  readonly #timeline: Timeline;
  readonly #arms: Arms;
  readonly #journal: Journal;
  /** The deliberate mistake of every worker's core. */
  readonly #mutant: number | undefined;
  readonly #places = new Map<string, Place>();
  /** By `#keyOf`. */
  readonly #ended = new Map<string, SeenExit>();
  readonly #keys = new WeakMap<Hand, string>();
  readonly #waiting = new Map<string, (exit: SeenExit) => void>();
  readonly #armed = new Map<Crash, Hand>();
  readonly #armedWatchers = new Map<Crash, () => void>();
  readonly #asked = new Set<string>();
  /** By machine: how often it has ended. Who runs on it next may have the process number of one who is dead. */
  readonly #ends = new Map<string, number>();
  readonly #unsubscribe: (() => void)[];

  constructor(pod: Pod, timeline: Timeline, arms: Arms, { journal, mutant }: { journal: Journal; mutant: number | undefined }) {
    this.#pod = pod;
    this.#timeline = timeline;
    this.#arms = arms;
    this.#journal = journal;
    this.#mutant = mutant;
    this.atWork = new Promise((resolve) => {
      this.#beAtWork = resolve;
    });
    const listen = ({ machine, agent }: PodMachine): void => {
      this.#unsubscribe.push(agent.onEvent((event) => this.#onEvent(machine.name, event)));
    };
    this.#unsubscribe = [pod.onAdmitted(listen)];
    for (const each of pod.machines) listen(each);
  }

  /** Starts a worker, armed as the faults ask. */
  async hire(post: Post): Promise<Hand> {
    const { past } = this.#place(post);
    const index = past.findIndex(({ hire }) => hire.by === 'workload');
    if (index === -1) return this.#hire(post, 'workload');
    return past.splice(index, 1)[0]!.hand;
  }

  async #hire(post: Post, by: 'workload' | 'restart'): Promise<Hand> {
    const place = this.#place(post);
    const attempt = ++place.attempts;
    const armed = this.#arms.next(post);
    const { agent } = this.#pod.machine(post.machine);
    const boot = this.#bootOf(post.machine);
    const { ns: sentNs } = this.#timeline.now();
    const result = await this.#journal.during(
      (onSend) =>
        agent.request(
          'startWorker',
          {
            worker: post.worker,
            ...armsOf(armed?.crash ?? null),
            ...(this.#mutant === undefined ? {} : { mutant: this.#mutant }),
          },
          { timeoutMs: startTimeoutMs, onSend },
        ),
      (asked) => {
        const armedBy = armed?.by ?? null;
        this.#journal.ask({ kind: 'hire', post, attempt, boot, by, duties: place.duties, armedBy, sentNs, asked });
      },
    );
    return this.#welcome(post, { ...result, attempt, boot, crash: armed?.crash ?? null, sentNs, tasks: [] });
  }

  /** From now on it is the one at its post. */
  #welcome(
    post: Post,
    of: Requests['startWorker']['result'] & Pick<Hand, 'attempt' | 'crash'> & Pick<PastHire, 'boot' | 'sentNs' | 'tasks'>,
  ): Hand {
    const { pid, client, attempt, boot, crash, sentNs, tasks } = of;
    const place = this.#place(post);
    const started = this.#timeline.now();
    const clock = this.#timeline.clockOf(post.machine);
    const key = `${post.machine}/${boot}/${pid}`;
    this.hired.push({ ...post, pid });
    this.onChange();
    const exit = new Promise<SeenExit>((resolve) => {
      const early = this.#ended.get(key);
      if (early !== undefined) resolve(early);
      else this.#waiting.set(key, resolve);
    }).then((seen) => {
      const isOwnStamp = seen.withMachine !== true && seen.untold !== true;
      const end = isOwnStamp ? { clock, ns: seen.atNs } : this.#timeline.now();
      if (isOwnStamp) {
        const receivedNs = this.#timeline.now().ns;
        this.#timeline.observations.push({ clock, sentNs, machineNs: seen.atNs, receivedNs });
      }
      const name = `pid ${pid}${seen.signal === null ? '' : ` · ${seen.signal}`}`;
      const detail = { pid, client: client.id, incarnation: client.incarnation, signal: seen.signal, exitCode: seen.exitCode };
      this.#timeline.spans.push({ lane: laneOf(post), kind: 'process', name, start: started, end, detail });
      return seen;
    });
    const past = [...tasks];
    const hand: Hand = {
      post,
      pid,
      client,
      attempt,
      crash,
      clock,
      exit,
      task: (name, parameters, options) => this.#runTask(hand, past.shift() ?? null, name, parameters, options),
    };
    place.hand = hand;
    this.#keys.set(hand, key);
    for (const tell of place.awaiting) tell(hand);
    place.awaiting.clear();
    if (crash !== null) {
      this.#armed.set(crash, hand);
      this.#armedWatchers.get(crash)?.();
    }
    return hand;
  }

  /** What goes on without this run knowing it is what another controller must know to go on in its place. */
  get memory(): CrewMemory {
    const exits = [...this.#ended].map(([key, exit]) => ({ key, exit }));
    return { exits, boots: Object.fromEntries(this.#ends), restarts: this.restarts };
  }

  /** Goes on with the crew of a controller that is gone: before anything else. `told`: what agents have told meanwhile. */
  async resume({ hires, memory, dismissed }: PastCrew, told: readonly { machine: string; event: AgentEvent }[]): Promise<void> {
    for (const [machine, boots] of Object.entries(memory.boots)) this.#ends.set(machine, boots);
    for (const { key, exit } of memory.exits) {
      this.#ended.set(key, exit);
      this.exits.push(exit);
    }
    for (const key of dismissed) this.#asked.add(key);
    this.restarts = memory.restarts;
    for (const hire of hires) await this.#recall(hire);
    for (const { machine, event } of told) {
      // Also of workers of earlier runs, who had the same names.
      const isOwn = 'pid' in event && this.hired.some((each) => each.machine === machine && each.pid === event.pid);
      if (isOwn) this.#onEvent(machine, event);
    }
  }

  async #recall(hire: PastHire): Promise<void> {
    const { post, attempt, armedBy } = hire;
    const place = this.#place(post);
    place.attempts = Math.max(place.attempts, attempt);
    const { agent } = this.#pod.machine(post.machine);
    hire.answer ??= await this.#journal.told(hire.asked, agent.resumed(hire.asked, startTimeoutMs));
    // Nobody was hired, and whoever wanted somebody was told so, or asks again.
    if ('error' in hire.answer) return;
    const hired = hire.answer.result as Requests['startWorker']['result'];
    const crash = armedBy === null ? null : this.#arms.again(armedBy, post);
    const hand = this.#welcome(post, { ...hire, ...hired, crash });
    place.past.push({ hire, hand });
  }

  /** Gives `hand` a duty; whoever restarts its post later gives it to the successor too. */
  employ<Result>(hand: Hand, duty: Duty<Result>): Employment<Result> {
    const results: Result[] = [];
    const running: Promise<void>[] = [];
    let failure: { readonly error: unknown } | null = null;
    const perform = async (successor: Hand): Promise<void> => {
      try {
        results.push(await duty(successor));
      } catch (error) {
        // A worker that died takes its task with it. That is an exit to be judged, not a failure of the task.
        if (await this.#isDeath(error, successor)) return;
        failure ??= { error };
        // It is thrown when somebody asks for the results, which may be long after.
        const because = error instanceof Error ? error.message : String(error);
        this.#timeline.mark({ lane: laneOf(hand.post), kind: 'event', name: `failed: ${because}` });
      }
    };
    const begin = (successor: Hand): void => {
      running.push(perform(successor));
    };
    const place = this.#place(hand.post);
    place.resume = begin;
    place.duties++;
    begin(hand);
    // Who took it on in the place of `hand`, before this controller came.
    for (const { hire, hand: successor } of place.past) {
      if (hire.by === 'restart' && hire.duties === place.duties) begin(successor);
    }
    return {
      results: async () => {
        for (let index = 0; index < running.length; index++) await running[index];
        if (failure !== null) throw failure.error;
        // Who has done its duty is not replaced in it.
        if (results.length > 0 && place.resume === begin) place.resume = null;
        return results;
      },
      end: () => {
        this.#place(hand.post).resume = null;
      },
    };
  }

  /** Fills a post whose worker has ended, and resumes its duty. */
  async restart(post: Post): Promise<Hand> {
    const place = this.#place(post);
    // A controller that is gone had filled it, and not told.
    const last = place.past.at(-1);
    if (last !== undefined && last.hire.by === 'restart' && last.hand === place.hand && !this.#hasEnded(last.hand))
      return last.hand;
    await place.hand?.exit;
    const hand = await this.#hire(post, 'restart');
    this.restarts++;
    place.resume?.(hand);
    return hand;
  }

  /** The machine has ended, and that was seen: so have its workers. Returns their ends. */
  machineEnded(machine: string): readonly SeenExit[] {
    const exits = this.#livingOn(machine).map(({ post, pid }) => {
      const how = { exitCode: null, signal: null, fenced: null, atNs: this.#timeline.now().ns };
      return this.#seen(machine, { worker: post.worker, pid, ...how }, { withMachine: true });
    });
    this.#ends.set(machine, (this.#ends.get(machine) ?? 0) + 1);
    return exits;
  }

  /** A machine has another agent, which found these at work: of those who ended between two agents nobody was told. */
  agentReplaced(machine: string, found: readonly string[]): void {
    for (const { post, pid } of this.#livingOn(machine)) {
      if (found.includes(post.worker)) continue;
      const how = { exitCode: null, signal: null, fenced: null, atNs: this.#timeline.now().ns };
      this.#seen(machine, { worker: post.worker, pid, ...how }, { untold: true });
    }
  }

  /** Fills every post of a machine whose workers have ended. */
  async restartOn(machine: string): Promise<readonly Hand[]> {
    const posts = [...this.#places.values()].filter(({ post, hand }) => post.machine === machine && hand !== null);
    const hands: Hand[] = [];
    for (const { post } of posts) hands.push(await this.restart(post));
    return hands;
  }

  /** Those at work on this machine now. */
  handsOn(machine: string): readonly Hand[] {
    return this.#livingOn(machine);
  }

  /** The worker that was armed with `crash`, once it is hired; null when `signal` gives up first. */
  armedWith(crash: Crash, signal: AbortSignal): Promise<Hand | null> {
    return new Promise((resolve) => {
      const giveUp = (): void => resolve(null);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      const watch = (): void => resolve(this.#armed.get(crash)!);
      if (this.#armed.has(crash)) watch();
      else this.#armedWatchers.set(crash, watch);
    });
  }

  /** Its end, whether it was hired yet or not; null when `signal` gives up first. */
  async exitOfArmed(crash: Crash, signal: AbortSignal): Promise<SeenExit | null> {
    const hand = await this.armedWith(crash, signal);
    if (hand === null) return null;
    const givenUp = new Promise<null>((resolve) => {
      signal.addEventListener('abort', () => resolve(null), { once: true });
      if (signal.aborted) resolve(null);
    });
    return Promise.race([hand.exit, givenUp]);
  }

  /** The worker at `post`, once there is one that lives; null when there is none any more, or `signal` gives up first. */
  async living(post: Post, signal: AbortSignal): Promise<Hand | null> {
    const { hand, awaiting } = this.#place(post);
    const hired =
      hand ??
      (await new Promise<Hand | null>((resolve) => {
        awaiting.add(resolve);
        signal.addEventListener('abort', () => resolve(null), { once: true });
        if (signal.aborted) resolve(null);
      }));
    return hired === null || signal.aborted || this.#hasEnded(hired) ? null : hired;
  }

  /** Whether its end is seen by now, or within the time that seeing takes. */
  async hasDied(hand: Hand): Promise<boolean> {
    return (await this.#exitWithin(hand, exitSeenWithinMs)) !== null;
  }

  /** The worker that holds `post` now. */
  handAt(post: Post): Hand | null {
    return this.#place(post).hand;
  }

  /**
   * Ends all workers and waits until every end was seen. Returns those that had to be killed because they did not leave. Throws the
   * first failure, after all have been tried.
   */
  async dismiss({ how }: { readonly how: 'graceful' | 'kill' }): Promise<readonly Post[]> {
    const living = [...this.#places.values()].flatMap(({ hand }) => (hand === null || this.#hasEnded(hand) ? [] : [hand]));
    const ended = await Promise.allSettled(living.map((hand) => this.#dismissOne(hand, how)));
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return ended.flatMap((each, index) =>
      each.status === 'fulfilled' && each.value === 'stubborn' ? [living[index]!.post] : [],
    );
  }

  /** Ends one worker before the others: for a workload that needs its client gone. Does nothing for one that died. */
  async release(hand: Hand): Promise<void> {
    if (!this.#hasEnded(hand)) await this.#dismissOne(hand, 'graceful');
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  async #dismissOne(hand: Hand, how: 'graceful' | 'kill'): Promise<'left' | 'stubborn'> {
    const { post, pid } = hand;
    const key = this.#keyOf(post.machine, pid);
    this.#asked.add(key);
    this.#journal.dismiss(key);
    const { agent } = this.#pod.machine(post.machine);
    const stop = (means: 'graceful' | 'kill') =>
      agent.request('stopWorker', { worker: post.worker, how: means }, { timeoutMs: stopTimeoutMs });
    let manner: 'left' | 'stubborn' = 'left';
    const exit = await stop(how).catch(() => {
      manner = 'stubborn';
      return stop('kill');
    });
    this.#seen(post.machine, exit);
    await this.#exitWithin(hand, exitSeenWithinMs);
    return manner;
  }

  #hasEnded(hand: Hand): boolean {
    return this.#ended.has(this.#keys.get(hand)!);
  }

  #livingOn(machine: string): readonly Hand[] {
    return [...this.#places.values()].flatMap(({ hand }) =>
      hand === null || hand.post.machine !== machine || this.#hasEnded(hand) ? [] : [hand],
    );
  }

  /** Whether the task failed because its worker died. */
  async #isDeath(error: unknown, hand: Hand): Promise<boolean> {
    if (this.#hasEnded(hand)) return true;
    const { code } = error as Partial<CxlpodError>;
    if (code === 'WORKER_DIED') return (await this.#exitWithin(hand, exitSeenWithinMs)) !== null;
    return agentLost.has(code ?? '') && (await this.#exitWithin(hand, orphanEndsWithinMs)) !== null;
  }

  /** `past`: the same, as a controller that is gone had asked for it. */
  async #runTask<Name extends TaskName>(
    hand: Hand,
    past: PastTask | null,
    task: Name,
    parameters: Tasks[Name]['parameters'],
    { deadlineMs, label }: { readonly deadlineMs: number; readonly label?: string },
  ): Promise<Tasks[Name]['result']> {
    const { post, attempt, clock } = hand;
    const { agent } = this.#pod.machine(post.machine);
    const lane = { machine: post.machine, name: `${post.worker}: tasks` };
    if (task !== 'clock') this.#beAtWork();
    const sentNs = past?.sentNs ?? this.#timeline.now().ns;
    let receivedNs = 0;
    const result = await this.#timeline.during(lane, 'task', label ?? task, async () => {
      const timeoutMs = deadlineMs + answerGraceMs;
      if (past !== null) {
        if (past.task !== task) throw diverged(post, past, task);
        const answer = past.answer ?? (await this.#journal.told(past.asked, agent.resumed(past.asked, timeoutMs)));
        if ('error' in answer) throw answer.error;
        receivedNs = answer.receivedNs;
        return answer.result;
      }
      const answer = await this.#journal.during(
        (onSend) => agent.request('runTask', { worker: post.worker, task, parameters, deadlineMs }, { timeoutMs, onSend }),
        (asked) => this.#journal.ask({ kind: 'task', post, attempt, task, sentNs, asked }),
      );
      receivedNs = this.#timeline.now().ns;
      return answer;
    });
    for (const machineNs of stampsIn(result)) {
      this.#timeline.observations.push({ clock, sentNs, machineNs, receivedNs });
    }
    return result as Tasks[Name]['result'];
  }

  #onEvent(machine: string, event: AgentEvent): void {
    if (event.event === 'worker-fenced') this.#fencedLate(machine, event);
    if (event.event !== 'worker-exited') return;
    const { event: _, ...exit } = event;
    // Workers of an earlier run, or of somebody else, are not of this crew.
    if (![...this.#places.values()].some(({ post }) => post.machine === machine && post.worker === exit.worker)) return;
    this.#seen(machine, exit);
  }

  /** Its exit was told before its end was certain. */
  #fencedLate(machine: string, { pid, fenced }: Extract<AgentEvent, { event: 'worker-fenced' }>): void {
    const index = this.exits.findLastIndex((exit) => exit.machine === machine && exit.pid === pid);
    if (index === -1) return;
    const told = this.exits[index]!;
    const seen = { ...told, fenced };
    this.exits[index] = seen;
    for (const [key, exit] of this.#ended) if (exit === told) this.#ended.set(key, seen);
    this.onChange();
  }

  #seen(machine: string, exit: WorkerExit, how: Pick<SeenExit, 'withMachine' | 'untold'> = {}): SeenExit {
    const key = this.#keyOf(machine, exit.pid);
    const earlier = this.#ended.get(key);
    if (earlier !== undefined) return earlier;
    const seen = { ...exit, machine, asked: this.#asked.has(key), ...how };
    this.#ended.set(key, seen);
    this.exits.push(seen);
    this.onChange();
    this.#waiting.get(key)?.(seen);
    this.#waiting.delete(key);
    return seen;
  }

  #keyOf(machine: string, pid: number): string {
    return `${machine}/${this.#bootOf(machine)}/${pid}`;
  }

  #bootOf(machine: string): number {
    return this.#ends.get(machine) ?? 0;
  }

  async #exitWithin(hand: Hand, limitMs: number): Promise<SeenExit | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), limitMs);
    });
    try {
      return await Promise.race([hand.exit, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #place(post: Post): Place {
    if (!this.#pod.topology.machines.includes(post.machine)) {
      throw environmentError('NO_SUCH_MACHINE', `the run wants a worker on ${post.machine}, which this pod does not have`);
    }
    const key = `${post.machine}/${post.worker}`;
    const place = this.#places.get(key) ?? {
      post,
      hand: null,
      attempts: 0,
      duties: 0,
      resume: null,
      past: [],
      awaiting: new Set(),
    };
    this.#places.set(key, place);
    return place;
  }
}

export function laneOf(post: Post): { readonly machine: string; readonly name: string } {
  return { machine: post.machine, name: post.worker };
}

function armsOf(crash: Crash | null) {
  if (crash === null) return {};
  return 'access' in crash ? { dieAtAccess: crash.access } : { crash };
}

/** A worker that died took its task with it, and so did its machine, or the agent that was to tell what came of it. */
export function isDeath(error: unknown): boolean {
  return error instanceof CxlpodError && (error.code === 'WORKER_DIED' || agentLost.has(error.code));
}

/** A request that ended with one of these says nothing of the worker. */
const agentLost: ReadonlySet<string> = new Set([
  'AGENT_DIED',
  'AGENT_REPLACED',
  'CHANNEL_CLOSED',
  'CHANNEL_LOST',
  'GUEST_PANIC',
  'MACHINE_ENDED',
]);

/** First and last stamp of the machine's clock in a task's result. */
function stampsIn(result: unknown): number[] {
  const spans =
    (result as { readonly spans?: readonly { readonly startNs: number; readonly endNs: number }[] } | null)?.spans ?? [];
  return spans.length === 0 ? [] : [spans[0]!.startNs, spans.at(-1)!.endNs];
}
