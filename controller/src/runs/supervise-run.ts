/** A run whose scenario kills its controller: it has a process of its own, and this one comes back for it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadedScenario } from '../config/load-scenario.ts';
import type { Scenario } from '../config/scenario.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { interruptedError } from '../errors/interrupted.ts';
import { createFaults } from '../faults/index.ts';
import { readRunRecord } from '../report/report-input.ts';
import { resumeRun } from './resume-run.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';

const wantedFile = 'wanted.json';
export const supervisedVerb = 'run-supervised';

export function needsSupervision({ faults }: Pick<Scenario, 'faults'>): boolean {
  return createFaults({ faults }).some(({ kind }) => kind === 'killController');
}

/** Writes `run.json`, by whichever of the two controllers came to it. */
export async function superviseRun(
  pod: string,
  loaded: LoadedScenario,
  folder: RunFolder,
  { signal, say }: { readonly signal: AbortSignal; say(text: string): void },
): Promise<RunRecord> {
  folder.writeJson(wantedFile, loaded);
  const child = spawn(process.execPath, [process.argv[1]!, supervisedVerb, folder.path, '--name', pod], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const interrupt = (): void => void child.kill('SIGINT');
  signal.addEventListener('abort', interrupt, { once: true });
  const [exitCode, how] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  signal.removeEventListener('abort', interrupt);
  if (signal.aborted) throw interruptedError(`run ${loaded.scenario.name}`);
  if (how === 'SIGKILL') {
    const backAfterMs = createFaults(loaded.scenario).find(({ kind }) => kind === 'killController')!.healAfterMs ?? 0;
    say(`the controller of this run, process ${child.pid}, was killed; another one comes back in ${backAfterMs / 1000} s`);
    await delay(backAfterMs, undefined, { signal }).catch(() => {});
    return resumeRun(folder, { signal, say });
  }
  if (existsSync(folder.join('run.json'))) return readRunRecord(folder);
  throw environmentError('RUN_FAILED', `the process of run ${folder.name} ended without a verdict`, {
    cause: new Error(how ?? `exit code ${exitCode}`),
  });
}

/** In the process that is to be killed. */
export function readWanted(folder: RunFolder): LoadedScenario {
  return JSON.parse(readFileSync(folder.join(wantedFile), 'utf8')) as LoadedScenario;
}
