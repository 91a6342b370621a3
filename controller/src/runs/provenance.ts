/** Where a run came from: enough to run it again. */
import { release, totalmem } from 'node:os';
import { ownCommand } from '../cli/own-command.ts';
import { projectRoot } from '../config/project-root.ts';
import { runHostProgram } from '../programs/run-host-program.ts';
import type { Environment } from '../provider/provider.ts';
import { quoteCommand } from '../ssh/quote.ts';
import type { OverSubscription, Provenance } from './run-record.ts';

const gitTimeoutMs = 5_000;

export async function provenanceOf(pod: string, scenarioFile: string, run: string): Promise<Provenance> {
  const program = ownCommand();
  return {
    ...(await builtFrom()),
    program,
    commands: [`${program} up topology.yaml --name ${pod}`, `${program} replay ${quoteCommand([run])} --name ${pod}`],
    scenarioFile,
    host: { kernel: release(), memoryBytes: totalmem() },
  };
}

type Source = Pick<Provenance, 'gitRevision' | 'gitDirty'>;

let source: Promise<Source> | null = null;

/** Asked once: this process stays what it was built from, and a campaign has hundreds of runs. */
function builtFrom(): Promise<Source> {
  source ??= askGit();
  return source;
}

async function askGit(): Promise<Source> {
  const [gitRevision, changes] = await Promise.all([
    git('rev-parse', 'HEAD'),
    git('status', '--porcelain', '--untracked-files=no'),
  ]);
  return { gitRevision, gitDirty: gitRevision === null || changes === null ? null : changes !== '' };
}

/** A virtual CPU may always want a core. Where machines are processes, it is their pool thread, one each in these workloads. */
export function overSubscriptionOf(environment: Environment, machines: number, loadBefore: number): OverSubscription {
  const { hostCores, guestCpus, provider } = environment;
  const busyThreads = machines * (provider === 'local' ? 1 : Math.max(1, guestCpus));
  return { hostCores, busyThreads, ratio: busyThreads / hostCores, loadBefore };
}

/** Null outside a checkout, or without git: a run does not need it. */
async function git(...args: readonly string[]): Promise<string | null> {
  try {
    const { exitCode, stdout } = await runHostProgram(['git', ...args], { cwd: projectRoot(), timeoutMs: gitTimeoutMs });
    return exitCode === 0 ? stdout.trim() : null;
  } catch {
    return null;
  }
}
