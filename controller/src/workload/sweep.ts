/** A server on the first machine and a caller on the second, that measure one thing after another, in rounds whose order rotates. */
import type { Tasks } from '@cxlpod/agent/protocol';
import type { Hand } from '../runs/crew/hand.ts';
import { quantilesOf } from '../traces/latency-log.ts';
import { both } from './both.ts';
import { measureClocks } from './clocks.ts';
import { rotated } from './compare.ts';
import { draw, hirePair } from './heap-crew.ts';
import type { LatencyResult } from './latency-result.ts';
import { namesOf, serverAndCaller } from './posts.ts';
import type { WorkloadContext } from './workload.ts';

export type Serving = Omit<Tasks['sweep-serve']['parameters'], 'service'>;
export type Served = Tasks['sweep-serve']['result'];
type Caller = 'sweep-call' | 'open-loop-call' | 'idle-gap-call';

const deadlineMs = 120_000;
const service = 'sweep';

/** Of the median batch: a batch in which the host ran somebody else says nothing about calls. */
export function callsPerSecond({ latency }: Pick<Tasks['sweep-call']['result'], 'latency'>): number {
  return 1e9 / quantilesOf([latency]).p50Ns;
}

export class Sweep {
  /** Requests that the servers executed. */
  served = 0;
  readonly #context: WorkloadContext;
  readonly #server: Hand;
  readonly #caller: Hand;
  readonly #clockReadNs: LatencyResult['clockReadNs'];

  static async start(context: WorkloadContext): Promise<Sweep> {
    const [server, caller] = await hirePair(context, serverAndCaller({}, namesOf(context.pod)));
    return new Sweep(context, server, caller, await measureClocks(server, caller, context));
  }

  private constructor(context: WorkloadContext, server: Hand, caller: Hand, clockReadNs: LatencyResult['clockReadNs']) {
    this.#context = context;
    this.#server = server;
    this.#caller = caller;
    this.#clockReadNs = clockReadNs;
  }

  /** Every variant once a round; each round starts with another one. `[i]`: the rounds of variant i. */
  async rounds<Variant, Measured>(
    name: string,
    count: number,
    variants: readonly Variant[],
    measure: (variant: Variant, round: number) => Promise<Measured>,
  ): Promise<Measured[][]> {
    const measured = variants.map((): Measured[] => []);
    for (let round = 0; round < count; round++) {
      this.#context.say(`${name}: round ${round + 1} of ${count}`);
      for (const variant of rotated(variants, round)) {
        measured[variants.indexOf(variant)]!.push(await measure(variant, round));
      }
    }
    return measured;
  }

  /** `label`: of both tasks on the time line. */
  async measure<Name extends Caller>(
    label: string,
    serve: Serving,
    task: Name,
    parameters: Omit<Tasks[Name]['parameters'], 'service'>,
  ): Promise<{ readonly called: Tasks[Name]['result']; readonly served: Served }> {
    const [served, called] = await both(
      this.#server.task('sweep-serve', { service, ...serve }, { deadlineMs, label: `serve: ${label}` }),
      this.#caller.task(task, { service, ...parameters } as Tasks[Name]['parameters'], { deadlineMs, label }),
    );
    this.served += served.served;
    draw(this.#context, this.#caller, (called as { readonly spans?: Tasks['sweep-call']['result']['spans'] }).spans ?? []);
    return { called, served };
  }

  /** Clocks once more, for the drift; and what every result has. */
  async end(what: string, count: number): Promise<Pick<LatencyResult, 'checked' | 'clockReadNs'>> {
    await measureClocks(this.#server, this.#caller, this.#context);
    return { checked: { what, count }, clockReadNs: this.#clockReadNs };
  }
}
