/**
 * The heap on provider local's memory, one process, one core a client: its operations in turns with C that does the same atomics, and
 * with mimalloc; recovery; survivors; scaling; the simulator.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentError } from '../errors/cxlpod-error.ts';
import { runHostProgram } from '../programs/run-host-program.ts';
import { showRatio } from '../report/units.ts';
import { type BenchContext, type BenchFigure, type BenchItem, figure } from './bench-item.ts';

/** Rounds of a comparison: each measures everything once, the peer twice. */
const rounds = 9;
const where = { provider: 'local', accelerator: '' };

export const heap: BenchItem = {
  names: ['heap'],
  sentence: 'operations of the heap over C and over mimalloc, recovery, survivors, scaling, the simulator',
  onlyWhenNamed: false,
  measure: async (context) => {
    const floor = await buildFloor(context);
    return [
      ...(await operation(context, 'attach-detach', 'attach + detach', 60, {
        name: 'a C loop of the same atomics',
        argv: [floor.heapFloor, 'attach-detach', '--rounds', '1'],
        bar: 1.6,
      })),
      ...(await operation(context, 'alloc-drop', 'alloc + drop of 64 B', 100, mimalloc(floor))),
      ...(await recovery(context)),
      await survivors(context),
      await threadtest(context),
      ...(await simulator(context)),
    ];
  },
};

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Floor {
  readonly heapFloor: string;
  readonly mimalloc: string | null;
  readonly skipped?: string;
  readonly try?: string;
}

async function run(argv: readonly string[], { signal }: Pick<BenchContext, 'signal'>): Promise<string> {
  const end = await runHostProgram(argv, { signal, cwd: repository(), timeoutMs: 120_000 });
  if (end.exitCode === 0) return end.stdout;
  throw environmentError('BENCH_FAILED', `${argv.join(' ')} ended with ${end.exitCode ?? 'a signal'}`, {
    cause: new Error(end.stderr.trim().split('\n').at(-1) ?? ''),
    hint: 'run it by hand; `make build` makes what it needs',
  });
}

/** From the bundle in controller/dist as from its sources. */
function repository(): string {
  return root.endsWith('/controller') ? dirname(root) : root;
}

async function json<T>(argv: readonly string[], context: Pick<BenchContext, 'signal'>): Promise<T> {
  return JSON.parse(await run(argv, context)) as T;
}

const buildFloor = (context: BenchContext): Promise<Floor> =>
  json<Floor>([process.execPath, 'agent/floor/build-heap-floor.mjs'], context);

const benchProgram = (...args: readonly string[]): string[] => [process.execPath, 'agent/dist/heap-bench.mjs', ...args];

interface Peer {
  readonly name: string;
  readonly argv: readonly string[] | null;
  readonly bar: number;
  readonly missing?: string;
}

function mimalloc(floor: Floor): Peer {
  const argv = floor.mimalloc === null ? null : [floor.mimalloc, 'malloc-free', '--rounds', '1'];
  const missing = `${floor.skipped ?? ''}: ${floor.try ?? ''}`;
  return { name: "mimalloc's malloc + free", argv, bar: 4, missing };
}

/** Ours, the peer, and the peer again, in turns. */
async function operation(context: BenchContext, what: string, name: string, barNs: number, peer: Peer): Promise<BenchFigure[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const again: number[] = [];
  const peerNs = async (): Promise<number> => median((await json<{ nsPerPair: number[] }>(peer.argv!, context)).nsPerPair);
  for (let round = 0; round < rounds; round++) {
    if (peer.argv !== null) theirs.push(await peerNs());
    ours.push(median((await json<{ nsPerOperation: number[] }>(benchProgram(what, '1'), context)).nsPerOperation));
    if (peer.argv !== null) again.push(await peerNs());
  }
  const absolute = figure({
    name: `${name}, public API`,
    value: median(ours),
    unit: 'ns',
    bar: barNs,
    spread: range(ours, 'ns'),
    ...where,
  });
  if (peer.argv === null) {
    const spread = peer.missing ?? 'there is nothing to compare with';
    return [absolute, figure({ name: `${name} over ${peer.name}`, value: null, unit: '×', spread, ...where })];
  }
  const ratios = ours.map((ns, index) => ns / theirs[index]!);
  const noise = again.map((ns, index) => ns / theirs[index]!);
  const spread = `${rounds} rounds, ${showRatio(Math.min(...ratios))} to ${showRatio(Math.max(...ratios))}, A/A ${showRatio(Math.min(...noise))} to ${showRatio(Math.max(...noise))}; ${median(theirs).toFixed(1)} ns`;
  return [
    absolute,
    figure({
      name: `${name} over ${peer.name}`,
      value: median(ratios),
      unit: '×',
      baseline: peer.name,
      bar: peer.bar,
      spread,
      ...where,
    }),
  ];
}

interface Recoveries {
  readonly recoveries: readonly { readonly objects: number; readonly ms: readonly number[] }[];
}

/** The slope between the smallest and the largest client; the times themselves beside it. */
async function recovery(context: BenchContext): Promise<BenchFigure[]> {
  const { recoveries } = await json<Recoveries>(benchProgram('recovery', '5'), context);
  const first = recoveries[0]!;
  const last = recoveries.at(-1)!;
  const slopeNs = ((median(last.ms) - median(first.ms)) * 1e6) / (last.objects - first.objects);
  const spread = recoveries
    .map(({ objects, ms }) => `${objects.toLocaleString('en')} objects ${median(ms).toFixed(2)} ms`)
    .join(', ');
  return [
    figure({
      name: 'recovery of a client, slope',
      value: slopeNs,
      unit: 'ns an object',
      bar: 60,
      spread: `medians of 5: ${spread}`,
      ...where,
    }),
  ];
}

interface SurvivorRates {
  readonly before: number;
  readonly during: number;
  readonly after: number;
  readonly recoveryMs: number;
}

/** What a survivor loses while another is recovered, beside what it differs by between two times when nobody is. */
async function survivors(context: BenchContext): Promise<BenchFigure> {
  const lost: number[] = [];
  const noise: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const rates = await json<SurvivorRates>(benchProgram('survivors'), context);
    const quiet = (rates.before + rates.after) / 2;
    lost.push((1 - rates.during / quiet) * 100);
    noise.push(Math.abs(1 - rates.after / rates.before) * 100);
  }
  const spread = `${rounds} rounds, ${range(lost, '%')}; bar 5 % plus the A/A spread, ${median(noise).toFixed(1)} % (${range(noise, '%')})`;
  return figure({
    name: 'throughput that a survivor loses while another client is recovered',
    value: median(lost),
    unit: '%',
    bar: 5 + Math.round(median(noise) * 10) / 10,
    spread,
    ...where,
  });
}

async function threadtest(context: BenchContext): Promise<BenchFigure> {
  const ratios: number[] = [];
  const single: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const rate = async (clients: number): Promise<number> =>
      (await json<{ objectsPerSecond: number }>(benchProgram('threadtest', String(clients)), context)).objectsPerSecond;
    single.push(await rate(1));
    ratios.push((await rate(2)) / single.at(-1)!);
  }
  const spread = `${rounds} rounds, ${range(ratios, '×')}; one client ${(median(single) / 1e6).toFixed(1)} million objects a second`;
  return figure({
    name: 'threadtest, two clients over one',
    value: median(ratios),
    unit: '×',
    bar: 1.8,
    barIs: 'at least',
    spread,
    ...where,
  });
}

/** From what the simulator's own script prints: name, median, unit, rounds. */
async function simulator(context: BenchContext): Promise<BenchFigure[]> {
  const printed = await run([process.execPath, 'agent/test/sim/simulator-speed.mjs'], context);
  const bars: Readonly<Record<string, number>> = { 'accesses, one thread, no switch': 20, 'steps, a switch at each': 2 };
  return printed
    .split('\n')
    .map((line) => /^(.+?)\s{2,}([\d.]+) million\/s\s+\((.*)\)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name = '', value, values = '']) => {
      const bar = bars[name];
      const common = {
        name: `simulator: ${name}`,
        value: Number(value),
        unit: 'million/s',
        spread: `rounds ${values}`,
        ...where,
      };
      return figure(bar === undefined ? common : { ...common, bar, barIs: 'at least' });
    });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function range(values: readonly number[], unit: string): string {
  return `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)} ${unit}`;
}
