/** The verbs `run`, `traces`, `report`, `inspect`, `stats`, `dashboard`, `bench`. */
import type { Command as Program } from 'commander';
import type { CampaignOptions } from '../campaign/campaign-command.ts';
import type { Command } from '../cli/command.ts';
import { nameOption, pickPod } from '../cli/pick-pod.ts';
import { table } from '../cli/table.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { providers } from '../config/providers.ts';
import { annotationStyles } from '../report/annotations.ts';
import type { RunOptions } from './run-command.ts';

type CampaignDefaults = Pick<CampaignOptions, 'runs' | 'firstSeed'>;

interface FolderOptions {
  readonly runs: string;
  readonly json?: boolean;
}

interface StatsOptions {
  readonly name?: string;
  readonly pool?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly format: string;
}

const runsOption = ['--runs <folder>', 'where the folders of runs are', '.runs'] as const;

const annotationsOption = (program: Program) =>
  program
    .createOption('--annotations <style>', 'checks that do not hold, as marks for CI; github where GITHUB_ACTIONS=true')
    .choices(annotationStyles);

export const commands: readonly Command[] = [
  (program, context) =>
    program
      .command('run')
      .description('run scenarios on a pod, one after the other: workload, faults, checks, verdict, report')
      .argument('[scenarios...]', 'names of infra/scenarios or of its folders, or paths')
      .option(...nameOption)
      .option(...runsOption)
      .option('--resume <run>', 'instead of a scenario: go on with the run in this folder, whose controller was killed')
      .option('--up', 'bring up the pod of the first scenario before, and remove it after')
      .option('--keep', 'with --up: leave the pod up')
      .option('--seed <number>', 'instead of the seed of the scenario', wholeNumber)
      .option('--json', 'the run.json of each run on standard output, as a list')
      .addOption(annotationsOption(program))
      .action(
        context.action(async (scenarios: string[], options: RunOptions) => {
          const { resumeCommand, runCommand } = await import('./run-command.ts');
          if (options.resume !== undefined) return resumeCommand(options.resume, scenarios, options, context);
          return runCommand(scenarios, options, context);
        }),
      ),

  (program, context) =>
    program
      .command('run-supervised', { hidden: true })
      .description('what `run` starts when its scenario kills the controller')
      .argument('<run>', 'the folder of the run')
      .requiredOption(...nameOption)
      .action(
        context.action(async (run: string, { name }: { name: string }) => {
          const { supervisedCommand } = await import('./supervised-command.ts');
          return supervisedCommand(run, name, context);
        }),
      ),

  (program, context) =>
    program
      .command('replay')
      .description('run a run again: the same scenario, the same seed, the same faults as drawn')
      .argument('[run]', 'the folder of the run; the newest otherwise')
      .option(...nameOption)
      .option(...runsOption)
      .option('--up', 'on a pod of its own, which is removed after')
      .option('--keep', 'with --up: leave the pod up')
      .option('--json', 'the run.json of the run on standard output, as a list')
      .addOption(annotationsOption(program))
      .action(
        context.action(async (run: string | undefined, options: RunOptions) => {
          const { replayCommand } = await import('./replay-command.ts');
          return replayCommand(run, options, context);
        }),
      ),

  (program, context) =>
    program
      .command('check')
      .description('judge a run again, from its files alone')
      .argument('[run]', 'the folder of the run; the newest otherwise')
      .option(...runsOption)
      .option('--json', 'verdict and checks on standard output, as JSON')
      .action(
        context.action(async (run: string | undefined, { runs, json }: FolderOptions) => {
          const { RunFolder } = await import('./run-folder.ts');
          const { checkCommand } = await import('./check-command.ts');
          return checkCommand(RunFolder.open(runs, run), { json: json === true }, context);
        }),
      ),

  (program, context) =>
    program
      .command('shrink')
      .description('find the fewest faults with which a run still fails, by running it with fewer of them')
      .argument('[run]', 'the folder of the run; the newest otherwise')
      .option(...runsOption)
      .option('--tries <number>', 'how often fewer faults must hold before they count as good', wholeNumber, 1)
      .option('--json', 'the smallest run and its faults on standard output, as JSON')
      .action(
        context.action(async (run: string | undefined, { runs, tries, json }: FolderOptions & { tries: number }) => {
          const { RunFolder } = await import('./run-folder.ts');
          const { shrinkCommand } = await import('../campaign/shrink-command.ts');
          return shrinkCommand(RunFolder.open(runs, run), { runs, tries, json: json === true }, context);
        }),
      ),

  (program, context) =>
    program
      .command('campaign')
      .description('run scenarios with many seeds on pods of its own; an index, a matrix, the worst outcome as exit code')
      .argument('<scenarios...>', 'names of infra/scenarios or of its folders, or paths')
      .option(...runsOption)
      .option('--seeds <number>', 'so many seeds of each scenario; 1 unless --seconds is given', wholeNumber)
      .option('--first-seed <number>', 'the first of them', wholeNumber, 1)
      .option('--seconds <number>', 'starts no run after so long', wholeNumber)
      .option('--jobs <number>', 'pods at the same time; as many as cores on provider local, else 1', wholeNumber)
      .addOption(
        program
          .createOption('--provider <provider>', 'leaves out scenarios whose topology is of another provider')
          .choices(providers),
      )
      .option('--stop-on-failure', 'ends with the first run that is not as expected')
      .option('--keep-all', 'keeps every file of runs that were as expected, too')
      .option('--json', 'campaign.json on standard output')
      .addOption(annotationsOption(program))
      .action(
        context.action(
          async (
            scenarios: string[],
            { stopOnFailure, keepAll, json, ...options }: Partial<CampaignOptions> & CampaignDefaults,
          ) => {
            const { campaignCommand } = await import('../campaign/campaign-command.ts');
            const flags = { stopOnFailure: stopOnFailure === true, keepAll: keepAll === true, json: json === true };
            return campaignCommand(scenarios, { ...options, ...flags }, context);
          },
        ),
      ),

  (program, context) =>
    program
      .command('traces')
      .description('latency quantiles of a run, and where its trace is')
      .argument('[run]', 'the folder of the run; the newest otherwise')
      .option(...runsOption)
      .option('--json', 'on standard output, as JSON')
      .action(
        context.action(async (run: string | undefined, { runs, json }: FolderOptions) => {
          const { RunFolder } = await import('./run-folder.ts');
          const { readRunRecord } = await import('../report/report-input.ts');
          const { describeLatencies } = await import('../report/describe-run.ts');
          const folder = RunFolder.open(runs, run);
          const record = readRunRecord(folder);
          const trace = folder.join('trace.json');
          const latencies = record.latencies.map((each) => ({ ...each, file: folder.join(each.file) }));
          if (json === true) context.out(JSON.stringify({ run: folder.path, trace, clocks: record.clocks, latencies }, null, 2));
          else context.out(table(describeLatencies(record)));
          context.say(`\n${trace} opens in ui.perfetto.dev; the logs of ${folder.join('latency')} in any HdrHistogram tool`);
        }),
      ),

  (program, context) =>
    program
      .command('report')
      .description('the path of the report of a run; made again from the files of the run')
      .argument('[run]', 'the folder of the run; the newest otherwise')
      .option(...runsOption)
      .option('--json', 'path, verdict and checks on standard output, as JSON')
      .action(
        context.action(async (run: string | undefined, { runs, json }: FolderOptions) => {
          const { RunFolder } = await import('./run-folder.ts');
          const { readRunRecord } = await import('../report/report-input.ts');
          const { writeReport } = await import('../report/write-report.ts');
          const { describeRun } = await import('../report/describe-run.ts');
          const folder = RunFolder.open(runs, run);
          const report = writeReport(folder);
          const record = readRunRecord(folder);
          context.say(describeRun(record));
          const { verdict, checks } = record;
          context.out(json === true ? JSON.stringify({ report, verdict, checks }, null, 2) : report);
        }),
      ),

  (program, context) =>
    program
      .command('inspect')
      .description('read a pool from its bytes and say what is in it and what is wrong with it')
      .option(...nameOption)
      .option('--pool <file>', 'a pool file, such as one kept for a post-mortem, instead of a running pod')
      .option('--json', 'the whole inspection on standard output, as JSON')
      .action(
        context.action(async ({ name, pool, json }: { name?: string; pool?: string; json?: boolean }) => {
          const { inspectCommand } = await import('./inspect-command.ts');
          return inspectCommand(pool ?? { pod: pickPod(name) }, json === true, context);
        }),
      ),

  (program, context) =>
    program
      .command('stats')
      .description('what was called how often and how long it took: services, methods, connections, while they run')
      .option(...nameOption)
      .option('--pool <file>', 'a pool file, such as one kept for a post-mortem, instead of a running pod')
      .option('--watch', 'again every second, with calls per second, until it is interrupted')
      .option('--json', 'on standard output, as JSON; with --watch a line each time')
      .addOption(
        program
          .createOption('--format <format>', 'text, or prometheus: all counters once, for a scraper')
          .choices(['text', 'prometheus'])
          .default('text')
          .conflicts(['json', 'watch']),
      )
      .action(
        context.action(async (options: StatsOptions) => {
          const { metricsCommand, statsCommand } = await import('./stats-command.ts');
          const { name, pool, json, watch, format } = options;
          if (format === 'prometheus') return metricsCommand(pool ?? { pod: pickPod(name) }, context);
          return statsCommand(pool ?? { pod: pickPod(name) }, { json: json === true, watch: watch === true }, context);
        }),
      ),

  (program, context) =>
    program
      .command('dashboard')
      .description('a pod in the browser while it runs, on this host alone; ends with Ctrl-C')
      .option(...nameOption)
      .option('--port <number>', 'any that is free otherwise', wholeNumber, 0)
      .action(
        context.action(async ({ name, port }: { name?: string; port: number }) => {
          const { dashboardCommand } = await import('../dashboard/dashboard-command.ts');
          return dashboardCommand(pickPod(name), { port }, context);
        }),
      ),

  (program, context) =>
    program
      .command('bench')
      .description('measure the figures of docs/measuring.md, print them, keep them in .runs/bench.json')
      .option(
        '--only <figures>',
        'some of them, separated by commas: up, down, memory, idle, ping, local, calls, heap, report, images, demo; rpc is local, calls and ping',
      )
      .option('--kept', 'measure nothing: print what .runs/bench.json has, as the table of docs/measuring.md')
      .option(...runsOption)
      .option('--json', 'the list on standard output, as JSON')
      .action(
        context.action(async ({ only, kept, runs, json }: FolderOptions & { only?: string; kept?: boolean }) => {
          const { benchCommand, printKept } = await import('../bench/bench-command.ts');
          if (kept === true) return printKept(runs, json === true, context);
          return benchCommand({ only, runs, json: json === true }, context);
        }),
      ),
];
