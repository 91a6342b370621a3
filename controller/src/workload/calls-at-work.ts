/** A server and a caller of `calls` at their posts, whoever fills them. */
import type { Tasks } from '@cxlpod/agent/protocol';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Employment } from '../runs/crew/employ.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { isDeath } from '../runs/crew/is-death.ts';
import type { WorkloadContext } from './workload.ts';

type Called = Tasks['rpc-call-through-crash']['result'];
type Served = Tasks['rpc-serve']['result'];

export interface Duties {
  serve(hand: Hand): Promise<Served>;
  call(hand: Hand): Promise<Called>;
  /** Connects and closes; rejects where nobody serves. */
  knock(hand: Hand): Promise<unknown>;
}

/** All servers, from the end of the last call. */
const serversEndWithinMs = 20_000;
/** A fault fills the post again; a machine that is emulated on busy cores may first have to boot. */
const replacedWithinMs = 240_000;

export class CallsAtWork {
  readonly #context: WorkloadContext;
  readonly #server: Hand;
  readonly #caller: Hand;
  readonly #duties: Duties;
  readonly #calling: Employment<void>;
  readonly #serving: Employment<readonly Served[]>;
  /** Resolves when a caller has had all its calls answered; rejects when one that lives fails, or nobody takes a dead one's place. */
  readonly #end: Promise<Called>;
  #called: (called: Called) => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #isOver = false;
  #missing: NodeJS.Timeout | undefined;

  constructor(context: WorkloadContext, server: Hand, caller: Hand, duties: Duties) {
    this.#context = context;
    this.#server = server;
    this.#caller = caller;
    this.#duties = duties;
    this.#end = new Promise((resolve, reject) => {
      this.#called = resolve;
      this.#fail = reject;
    });
    this.#end.catch(() => {});
    this.#serving = context.crew.employ(server, (hand) => this.#serve(hand));
    this.#calling = context.crew.employ(caller, (hand) => this.#call(hand));
  }

  async done(): Promise<{ readonly called: Called; readonly served: readonly Served[]; readonly idle: number }> {
    const { crew, endFaults } = this.#context;
    const serverFails = new Promise<never>((_, reject) => void this.#serving.results().catch(reject));
    try {
      const called = await Promise.race([this.#end, serverFails]);
      this.#isOver = true;
      this.#calling.end();
      this.#serving.end();
      await endFaults();
      const served = await this.#callIn();
      if (served !== null) return { called, served, idle: 0 };
      const idler = crew.handAt(this.#server.post);
      if (idler !== null) await crew.release(idler);
      return { called, served: [], idle: 1 };
    } finally {
      clearTimeout(this.#missing);
    }
  }

  /** Serves one caller after the other: the next one comes when this one has died. */
  async #serve(hand: Hand): Promise<readonly Served[]> {
    const served: Served[] = [];
    do served.push(await this.#duties.serve(hand));
    while (!this.#isOver);
    return served;
  }

  /** Whoever still waits for a caller gets one that says goodbye at once. Null when a server does not end. */
  async #callIn(): Promise<readonly Served[] | null> {
    let isWaiting = true;
    const served = this.#serving.results().finally(() => {
      isWaiting = false;
    });
    served.catch(() => {});
    const knocking = async (): Promise<void> => {
      while (isWaiting) await this.#duties.knock(this.#context.crew.handAt(this.#caller.post) ?? this.#caller).catch(() => {});
    };
    const all = await within(serversEndWithinMs, Promise.all([served, knocking()]));
    isWaiting = false;
    return all === null ? null : all[0].flat();
  }

  async #call(hand: Hand): Promise<void> {
    clearTimeout(this.#missing);
    try {
      this.#called(await this.#duties.call(hand));
    } catch (error) {
      if (!isDeath(error)) this.#fail(error);
      const { worker, machine } = hand.post;
      const missing = environmentError('NOT_REPLACED', `${worker} on ${machine} died, and nobody took its place`, {
        cause: error,
      });
      this.#missing = setTimeout(() => this.#fail(missing), replacedWithinMs);
      throw error;
    }
  }
}

/** Null when it is not there in time. */
async function within<T>(limitMs: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
