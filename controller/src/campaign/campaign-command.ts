/** `cxlpod campaign`: scenarios x seeds on pods of its own, until a number of seeds or a time is reached; one index for all. */
import { readdirSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename } from 'node:path';
import type { CommandContext } from '../cli/command.ts';
import { timeLeft } from '../cli/time-left.ts';
import { type LoadedScenario, loadScenarios } from '../config/load-scenario.ts';
import { loadTopology } from '../config/load-topology.ts';
import type { Provider } from '../config/providers.ts';
import { exitCodes } from '../errors/cxlpod-error.ts';
import { interruptedError } from '../errors/interrupted.ts';
import { type Annotation, type AnnotationStyle, annotate } from '../report/annotations.ts';
import { Random } from '../runs/random.ts';
import { requireDrawable } from '../runs/require-drawable.ts';
import { requirePrograms } from '../runs/require-programs.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { type FinishedRun, howLongRun, runOnce } from '../runs/run-once.ts';
import { PartsClock } from '../steps/parts-clock.ts';
import { type CampaignEntry, type CampaignRecord, campaignOf, entryOf, sayNotReached } from './campaign-record.ts';
import { ofProvider } from './of-provider.ts';
import { PodShelf } from './pod-shelf.ts';
import { renderCampaignSummary, writeCampaign } from './write-campaign.ts';

export interface CampaignOptions {
  readonly runs: string;
  /** How many, from `firstSeed`; without end when not given, but with `seconds`. */
  readonly seeds?: number | undefined;
  readonly firstSeed: number;
  readonly seconds?: number | undefined;
  readonly jobs?: number | undefined;
  /** Scenarios of other providers are left out; all run when not given. */
  readonly provider?: Provider | undefined;
  readonly stopOnFailure: boolean;
  readonly keepAll: boolean;
  readonly json: boolean;
  readonly annotations?: AnnotationStyle | undefined;
}

/** Nobody waits for more without having asked for a time. */
const seedsByDefault = 1;

export async function campaignCommand(
  names: readonly string[],
  options: CampaignOptions,
  context: CommandContext,
): Promise<number> {
  const { scenarios, leftOut } = ofProvider(names.flatMap(loadScenarios), options.provider);
  for (const { scenario } of scenarios) requireFitting(scenario);
  await requirePrograms(scenarios, context.say);
  if (leftOut !== null) context.say(leftOut);
  const name = names.length === 1 ? basename(names[0]!, '.yaml') : 'campaign';
  const folder = RunFolder.create(options.runs, `campaign-${name}`, new Date(), { isLatest: false });
  const campaign = new Campaign(scenarios, folder, options, context);
  await campaign.run();
  const planned = scenarios.map(({ scenario }) => scenario.name);
  const record = campaignOf(name, campaign.startedAt, campaign.tookMs, campaign.entries, planned);
  const index = writeCampaign(folder, record);
  const { counts, medianRunMs } = record;
  const median = medianRunMs === null ? '' : `, median ${(medianRunMs / 1000).toFixed(2)} s from start to verdict`;
  context.say(
    `\n${record.outcome.toUpperCase()}  ${record.entries.length} runs in ${Math.round(record.tookMs / 1000)} s: ` +
      `${counts.valid} as expected, ${counts.unknown} unknown, ${counts.invalid} not; ` +
      `${record.runsPerMinute.toFixed(1)} a minute${median}`,
  );
  const notReached = sayNotReached(record);
  if (notReached !== null) context.say(notReached);
  context.say(`index: ${index}`);
  context.out(options.json ? JSON.stringify(record, null, 2) : index);
  annotate(options.annotations, { annotations: annotationsOf(record), summary: renderCampaignSummary(record) });
  if (context.signal.aborted) throw interruptedError(`campaign ${name}`);
  return exitCodes[record.outcome];
}

function annotationsOf({ entries }: CampaignRecord): readonly Annotation[] {
  return entries
    .filter(({ outcome }) => outcome !== 'valid')
    .map(({ scenario, seed, outcome, because }) => ({
      level: outcome === 'invalid' ? 'error' : 'warning',
      title: `${scenario}, seed ${seed}`,
      message: because ?? outcome,
    }));
}

function requireFitting(scenario: LoadedScenario['scenario']): void {
  const topology = loadTopology(scenario.topology);
  requireDrawable(scenario, topology);
}

class Campaign {
  readonly entries: CampaignEntry[] = [];
  readonly startedAt = new Date();
  readonly #startMs = performance.now();
  readonly #scenarios: readonly LoadedScenario[];
  readonly #folder: RunFolder;
  readonly #options: CampaignOptions;
  readonly #context: CommandContext;
  /** Null when the seeds have no end. */
  readonly #clock: PartsClock | null;
  #next = 0;
  #isStopped = false;

  constructor(scenarios: readonly LoadedScenario[], folder: RunFolder, options: CampaignOptions, context: CommandContext) {
    // Of a short campaign the first few run, and those are to be others the next time.
    this.#scenarios = new Random(options.firstSeed).shuffled(scenarios);
    this.#folder = folder;
    this.#options = options;
    this.#context = context;
    this.#clock = this.#clockOfRuns();
  }

  get tookMs(): number {
    return performance.now() - this.#startMs;
  }

  async run(): Promise<void> {
    const jobs = this.#options.jobs ?? this.#jobsByDefault();
    const ended = await Promise.allSettled(Array.from({ length: jobs }, () => this.#job()));
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed !== undefined && !this.#context.signal.aborted) throw failed.reason;
  }

  async #job(): Promise<void> {
    const { signal, say } = this.#context;
    await using shelf = new PodShelf({ signal, say });
    for (let next = this.#take(); next !== null; next = this.#take()) {
      const part = this.#next - 1;
      const { topology } = next.scenario;
      let finished: FinishedRun | null = null;
      try {
        const pod = await shelf.take(topology);
        this.#clock?.start(part, performance.now());
        finished = await runOnce(pod, next, { runs: this.#folder.join('runs'), signal, say: () => {} });
        this.#clock?.finish(part, performance.now());
        this.#add(finished);
      } catch (error) {
        if (signal.aborted) return;
        this.#clock?.finish(part, performance.now());
        this.#addFailed(next, error);
      }
      await shelf.putBack(topology, finished?.record ?? null);
    }
  }

  /** In an order drawn from the first seed; seed by seed, so that every scenario has had its turn when time is up. */
  #take(): LoadedScenario | null {
    const { seconds, seeds = seconds === undefined ? seedsByDefault : Number.POSITIVE_INFINITY, firstSeed } = this.#options;
    const isLate = seconds !== undefined && this.tookMs > seconds * 1000;
    const round = Math.floor(this.#next / this.#scenarios.length);
    if (this.#isStopped || isLate || round >= seeds || this.#context.signal.aborted) return null;
    const loaded = this.#scenarios[this.#next++ % this.#scenarios.length]!;
    return { ...loaded, scenario: { ...loaded.scenario, seed: firstSeed + round } };
  }

  #add({ folder, record }: FinishedRun): void {
    const entry = entryOf(record, `runs/${folder.name}`);
    if (entry.outcome === 'valid' && !this.#options.keepAll) prune(folder);
    this.#tell(entry);
  }

  #addFailed({ scenario }: LoadedScenario, error: unknown): void {
    const because = error instanceof Error ? error.message : String(error);
    const { name, seed, expect: expected } = scenario;
    this.#tell({
      scenario: name,
      seed,
      run: null,
      verdict: 'unknown',
      expected,
      outcome: 'unknown',
      because,
      faults: [],
      tookMs: 0,
    });
  }

  #tell(entry: CampaignEntry): void {
    this.entries.push(entry);
    if (entry.outcome !== 'valid' && this.#options.stopOnFailure) this.#isStopped = true;
    const { scenario, seed, outcome, verdict, because, tookMs } = entry;
    const mark = outcome === 'valid' ? 'ok' : outcome.toUpperCase();
    const told = outcome === verdict ? '' : ` (${verdict})`;
    const left = this.#timeLeft();
    this.#context.say(
      `${String(this.entries.length).padStart(4)}  ${mark}${told}  ${scenario}  seed ${seed}  ${(tookMs / 1000).toFixed(2)} s${left === '' ? '' : `  (${left})`}${because === null ? '' : `  ${because}`}`,
    );
  }

  #timeLeft(): string {
    const { seconds } = this.#options;
    const untilLimit = seconds === undefined ? null : seconds * 1000 - this.tookMs;
    return timeLeft(this.#clock?.leftMs(performance.now()) ?? null, untilLimit);
  }

  #clockOfRuns(): PartsClock | null {
    const { seconds, seeds = seconds === undefined ? seedsByDefault : null } = this.#options;
    if (seeds === null) return null;
    const ofOneSeed = this.#scenarios.map(({ scenario }) => howLongRun(loadTopology(scenario.topology), scenario));
    return new PartsClock(Array.from({ length: seeds }, () => ofOneSeed).flat());
  }

  /** Virtual machines want a core each; processes of one run are seldom busy together. */
  #jobsByDefault(): number {
    const isLocal = this.#scenarios.every(({ scenario }) => loadTopology(scenario.topology).provider === 'local');
    return isLocal ? Math.max(1, Math.min(cpus().length, 8)) : 1;
  }
}

const keptOfGoodRuns = ['run.json', 'scenario.yaml', 'topology.yaml', 'report.html', 'program'];

/** Hundreds of runs that went well would fill a disk: the figures and how to repeat them are enough. */
function prune(folder: RunFolder): void {
  for (const name of readdirSync(folder.path)) {
    if (!keptOfGoodRuns.includes(name)) rmSync(folder.join(name), { recursive: true, force: true });
  }
}
