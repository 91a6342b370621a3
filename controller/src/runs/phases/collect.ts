/** Reads what is left: pool, history, logs. What cannot be had is noted, and judged as missing. */
import { inspectPoolFile } from '@cxlpod/agent/inspect';
import { collectLogs } from '../../cluster/collect-logs.ts';
import { namePoints, pointsNamedBy } from '../../workload/program-points.ts';
import { programResultOf } from '../../workload/result-of.ts';
import type { RunHistory } from '../evidence.ts';
import { lookForLeftovers } from '../look-for-leftovers.ts';
import { readRunHistory } from '../read-history.ts';
import { saveHistory } from '../saved-history.ts';
import type { Run } from './run.ts';

export async function collect(run: Run): Promise<void> {
  const { pod, folder, say } = run.options;
  const { paths, machines } = pod;
  run.phaseNow = 'collecting and judging';
  say('collecting pool, history, logs');
  await run.during('audit', async () => {
    run.pool = await run.attempt('the pool', async () => inspectPoolFile(paths.poolFile));
    run.history = await run.attempt('the history', async () => readHistory(run));
  });
  run.leftovers = await lookForLeftovers(pod, run.pool);
  folder.writeJson('pool/audit.json', run.pool);
  if (run.history !== null) saveHistory(folder, run.history);
  for (const { file, text } of run.latencies.logs()) folder.write(file, text);
  const logs = machines.map(({ machine }) => machine);
  await run.during('logs', () => run.attempt('the logs', () => collectLogs(logs, paths, folder.join('machines'))));
}

function readHistory({ options, firstTicket, scenario, workload }: Run): RunHistory {
  const history = readRunHistory(options.pod.paths.historyFile, firstTicket);
  const names = [...pointsNamedBy(scenario), ...(programResultOf(workload)?.crashPoints ?? [])];
  return { ...history, records: namePoints(history.records, names) };
}
