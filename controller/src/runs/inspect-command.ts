/** `cxlpod inspect`: what is in a pool, read from its bytes. Exits 1 when something is wrong with them. */
import { inspectPoolFile, type PoolInspection } from '@cxlpod/agent/inspect';
import type { CommandContext } from '../cli/command.ts';
import { table } from '../cli/table.ts';
import { requireUp } from '../cluster/open-pod.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { showControls } from '../report/html.ts';
import { showBytes } from '../report/units.ts';

export async function inspectCommand(
  what: string | { readonly pod: string },
  json: boolean,
  context: CommandContext,
): Promise<number> {
  const inspection = inspect(typeof what === 'string' ? what : await poolFileOf(what.pod));
  context.out(json ? JSON.stringify(inspection, null, 2) : describe(inspection));
  return inspection.problems.length > 0 ? exitCodes.invalid : exitCodes.valid;
}

async function poolFileOf(pod: string): Promise<string> {
  await requireUp(pod);
  return podPaths(pod).poolFile;
}

function inspect(path: string): PoolInspection {
  try {
    return inspectPoolFile(path);
  } catch (error) {
    throw usageError('POOL_UNREADABLE', `${path} cannot be inspected`, {
      cause: error,
      hint: 'give the file of a pool: pool.raw',
    });
  }
}

function describe({ superblock, clients, services, connections, problems }: PoolInspection): string {
  const parts = [
    `pool: ${superblock.state}, ${showBytes(superblock.sizeBytes)}, layout ${superblock.layout}`,
    rows('clients', ['id', 'incarnation', 'state', 'machine', 'pid', 'heartbeat', 'fenced up to'], clients, (each) => [
      each.id,
      each.incarnation,
      each.state,
      each.machine,
      each.pid,
      each.heartbeat,
      each.fencedIncarnation,
    ]),
    rows('services', ['name', 'connection', 'epoch'], services, (each) => [each.name, each.connection ?? 'none', each.epoch]),
    rows('connections', ['slot', 'state', 'epoch', 'server', 'caller', 'closed by'], connections, (each) => [
      each.slot,
      each.state,
      each.epoch,
      each.server,
      each.caller ?? 'none',
      [each.serverClosed && 'server', each.callerClosed && 'caller'].filter((side) => side !== false).join(', ') || 'none',
    ]),
    problems.length === 0 ? 'problems: none' : `problems:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
  ];
  return showControls(parts.join('\n'));
}

function rows<T>(
  title: string,
  head: readonly string[],
  values: readonly T[],
  cells: (value: T) => readonly (string | number)[],
): string {
  if (values.length === 0) return `${title}: none`;
  const lines = table([head, ...values.map((value) => cells(value).map(String))]).split('\n');
  return `${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
