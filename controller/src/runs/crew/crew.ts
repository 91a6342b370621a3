/**
 * The workers of one run: started where the workload posts them, armed as the faults ask, their deaths seen and kept. A post whose
 * worker died may be filled again; its duty then starts over.
 */
import type { AgentEvent, Requests } from '@cxlpod/agent/protocol';
import type { Pod, PodMachine } from '../../cluster/pod.ts';
import type { Timeline } from '../../traces/timeline.ts';
import type { HiredWorker } from '../begun-run.ts';
import type { SeenExit } from '../evidence.ts';
import { givenUp } from '../given-up.ts';
import type { Journal, PastHire } from '../journal.ts';
import { ArmedHands, type Arms, armsOf } from './armed-hands.ts';
import { dismissHand } from './dismiss-hand.ts';
import { drawProcess } from './draw-process.ts';
import { type Duty, type Employment, employ } from './employ.ts';
import { Ends, exitSeenWithinMs, exitWithin } from './ends.ts';
import { type Crash, type Hand, laneOf, type Post } from './hand.ts';
import { isDeathOf } from './is-death.ts';
import type { CrewMemory, PastCrew } from './past-crew.ts';
import { Places } from './places.ts';
import { runTask } from './run-task.ts';

/** Longer than the agent's own limit, which says more: on starved cores an emulated machine takes a minute to start a process. */
const startTimeoutMs = 150_000;

interface CrewOptions {
  readonly journal: Journal;
  /** The deliberate mistake of every worker's core. */
  readonly mutant: number | undefined;
}

export class Crew {
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
  readonly #options: CrewOptions;
  readonly #places: Places;
  readonly #ends = new Ends(() => this.onChange());
  readonly #armed = new ArmedHands();
  readonly #unsubscribe: (() => void)[];

  constructor(pod: Pod, timeline: Timeline, arms: Arms, options: CrewOptions) {
    this.#pod = pod;
    this.#timeline = timeline;
    this.#arms = arms;
    this.#options = options;
    this.#places = new Places(pod);
    this.atWork = new Promise((resolve) => {
      this.#beAtWork = resolve;
    });
    const listen = ({ machine, agent }: PodMachine): void => {
      this.#unsubscribe.push(agent.onEvent((event) => this.#onEvent(machine.name, event)));
    };
    this.#unsubscribe = [pod.onAdmitted(listen)];
    for (const each of pod.machines) listen(each);
  }

  /** In the order seen. */
  get exits(): readonly SeenExit[] {
    return this.#ends.exits;
  }

  /** Starts a worker, armed as the faults ask. */
  async hire(post: Post): Promise<Hand> {
    const { past } = this.#places.at(post);
    const index = past.findIndex(({ hire }) => hire.by === 'workload');
    if (index === -1) return this.#hire(post, 'workload');
    return past.splice(index, 1)[0]!.hand;
  }

  /** Gives `hand` a duty; whoever restarts its post later gives it to the successor too. */
  employ<Result>(hand: Hand, duty: Duty<Result>): Employment<Result> {
    return employ(this.#places.at(hand.post), hand, duty, {
      isDeath: async (error, successor) => this.#hasEnded(successor) || isDeathOf(successor, error),
      onFailure: (error) => {
        const because = error instanceof Error ? error.message : String(error);
        this.#timeline.mark({ lane: laneOf(hand.post), kind: 'event', name: `failed: ${because}` });
      },
    });
  }

  /** Fills a post whose worker has ended, and resumes its duty. */
  async restart(post: Post): Promise<Hand> {
    const place = this.#places.at(post);
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

  /** Fills every post of a machine whose workers have ended. */
  async restartOn(machine: string): Promise<readonly Hand[]> {
    const hands: Hand[] = [];
    for (const { post } of this.#places.hands().filter((hand) => hand.post.machine === machine))
      hands.push(await this.restart(post));
    return hands;
  }

  /** The machine has ended, and that was seen: so have its workers. Returns their ends. */
  machineEnded(machine: string): readonly SeenExit[] {
    const exits = this.handsOn(machine).map((hand) => this.#seeUntold(hand, { withMachine: true }));
    this.#ends.machineEnded(machine);
    return exits;
  }

  /** A machine has another agent, which found these at work: of those who ended between two agents nobody was told. */
  agentReplaced(machine: string, found: readonly string[]): void {
    for (const hand of this.handsOn(machine)) if (!found.includes(hand.post.worker)) this.#seeUntold(hand, { untold: true });
  }

  /** Those at work on this machine now. */
  handsOn(machine: string): readonly Hand[] {
    return this.#living().filter((hand) => hand.post.machine === machine);
  }

  /** The worker that holds `post` now. */
  handAt(post: Post): Hand | null {
    return this.#places.at(post).hand;
  }

  /**
   * The worker at `post`, once there is one that lives: for one that died its successor is waited for. Null when it left because it was
   * asked to, or `signal` gives up first.
   */
  async living(post: Post, signal: AbortSignal): Promise<Hand | null> {
    const place = this.#places.at(post);
    while (!signal.aborted) {
      const { hand } = place;
      if (hand !== null && !this.#hasEnded(hand)) return hand;
      if (hand !== null && (await hand.exit).asked) return null;
      if (place.hand !== hand) continue;
      await Promise.race([givenUp(signal), new Promise<Hand>((resolve) => place.awaiting.add(resolve))]);
    }
    return null;
  }

  /** The worker that was armed with `crash`, once it is hired; null when `signal` gives up first. */
  armedWith(crash: Crash, signal: AbortSignal): Promise<Hand | null> {
    return Promise.race([givenUp(signal), this.#armed.with(crash)]);
  }

  /** Its end, whether it was hired yet or not; null when `signal` gives up first. */
  async exitOfArmed(crash: Crash, signal: AbortSignal): Promise<SeenExit | null> {
    const hand = await this.armedWith(crash, signal);
    return hand === null ? null : Promise.race([hand.exit, givenUp(signal)]);
  }

  /** Whether its end is seen by now, or within the time that seeing takes. */
  async hasDied(hand: Hand): Promise<boolean> {
    return (await exitWithin(hand, exitSeenWithinMs)) !== null;
  }

  /**
   * Ends all workers and waits until every end was seen. Returns those that had to be killed because they did not leave. Throws the
   * first failure, after all have been tried.
   */
  async dismiss({ how }: { readonly how: 'graceful' | 'kill' }): Promise<readonly Post[]> {
    const living = this.#living();
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

  /** What goes on without this run knowing it is what another controller must know to go on in its place. */
  get memory(): CrewMemory {
    return { ...this.#ends.memory, restarts: this.restarts };
  }

  /** Goes on with the crew of a controller that is gone: before anything else. `told`: what agents have told meanwhile. */
  async resume({ hires, memory, dismissed }: PastCrew, told: readonly { machine: string; event: AgentEvent }[]): Promise<void> {
    this.#ends.recall(memory, dismissed);
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
    const place = this.#places.at(post);
    place.attempts = Math.max(place.attempts, attempt);
    const { agent } = this.#pod.machine(post.machine);
    hire.answer ??= await this.#options.journal.told(hire.asked, agent.resumed(hire.asked, startTimeoutMs));
    // Nobody was hired, and whoever wanted somebody was told so, or asks again.
    if ('error' in hire.answer) return;
    const hired = hire.answer.result as Requests['startWorker']['result'];
    const crash = armedBy === null ? null : this.#arms.again(armedBy, post);
    const hand = this.#welcome(post, { ...hire, ...hired, crash });
    place.past.push({ hire, hand });
  }

  async #hire(post: Post, by: 'workload' | 'restart'): Promise<Hand> {
    const place = this.#places.at(post);
    const attempt = ++place.attempts;
    const armed = this.#arms.next(post);
    const { agent } = this.#pod.machine(post.machine);
    const boot = this.#ends.bootOf(post.machine);
    const { ns: sentNs } = this.#timeline.now();
    const { journal, mutant } = this.#options;
    const result = await journal.during(
      (onSend) =>
        agent.request(
          'startWorker',
          { worker: post.worker, ...armsOf(armed?.crash ?? null), ...(mutant === undefined ? {} : { mutant }) },
          { timeoutMs: startTimeoutMs, onSend },
        ),
      (asked) => {
        const armedBy = armed?.by ?? null;
        journal.ask({ kind: 'hire', post, attempt, boot, by, duties: place.duties, armedBy, sentNs, asked });
      },
    );
    return this.#welcome(post, { ...result, attempt, boot, crash: armed?.crash ?? null, sentNs, tasks: [] });
  }

  /** From now on it is the one at its post. */
  #welcome(
    post: Post,
    of: Requests['startWorker']['result'] & Pick<Hand, 'attempt' | 'crash'> & Pick<PastHire, 'boot' | 'sentNs' | 'tasks'>,
  ): Hand {
    const { pid, client, attempt, boot, crash, sentNs } = of;
    const start = this.#timeline.now();
    const clock = this.#timeline.clockOf(post.machine);
    const key = this.#ends.keyOf(post.machine, pid, boot);
    this.hired.push({ ...post, pid });
    this.onChange();
    const exit = this.#ends.of(key).then((seen) => {
      drawProcess(this.#timeline, { post, pid, client, clock }, { start, sentNs, seen });
      return seen;
    });
    const tools = { pod: this.#pod, timeline: this.#timeline, journal: this.#options.journal };
    const past = [...of.tasks];
    const hand: Hand = {
      ...{ post, pid, client, attempt, crash, clock, key, exit },
      task: async (name, parameters, options) => {
        if (name !== 'clock') this.#beAtWork();
        return runTask(tools, hand, past.shift() ?? null, name, parameters, options);
      },
    };
    this.#places.fill(hand);
    if (crash !== null) this.#armed.add(crash, hand);
    return hand;
  }

  #dismissOne(hand: Hand, how: 'graceful' | 'kill'): Promise<'left' | 'stubborn'> {
    return dismissHand({ pod: this.#pod, ends: this.#ends, journal: this.#options.journal }, hand, how);
  }

  #hasEnded(hand: Hand): boolean {
    return this.#ends.has(hand.key);
  }

  #living(): readonly Hand[] {
    return this.#places.hands().filter((hand) => !this.#hasEnded(hand));
  }

  /** Its end was seen in another way than by its agent. */
  #seeUntold({ post, pid }: Hand, how: Pick<SeenExit, 'withMachine' | 'untold'>): SeenExit {
    const exit = { worker: post.worker, pid, exitCode: null, signal: null, fenced: null, atNs: this.#timeline.now().ns };
    return this.#ends.see(post.machine, exit, how);
  }

  #onEvent(machine: string, event: AgentEvent): void {
    if (event.event === 'worker-fenced') this.#ends.fencedLate(machine, event);
    if (event.event !== 'worker-exited') return;
    const { event: _, ...exit } = event;
    // Workers of an earlier run, or of somebody else, are not of this crew.
    if (this.#places.has({ machine, worker: exit.worker })) this.#ends.see(machine, exit);
  }
}
