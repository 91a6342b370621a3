/** What a failed `up` leaves to read: the pod is gone by then, and what its machines wrote stands in a folder of its own. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CxlpodError } from '../errors/cxlpod-error.ts';

/** As hints of a pod that lives name a log: to be read where it will be, or is, or by a command that asks the machine. */
const named = /(?:read \S*\/machines\/([\w-]+)\/(?:\S*\/)?(\w+)\.log|cxlpod logs ([\w-]+)(?: --name [\w-]+)?)/;

/** The same failure, with a hint to what is there. `kept`: the folder of the machines; null when nothing was kept. */
export function hintToKeptLogs(error: unknown, kept: string | null): unknown {
  if (!(error instanceof CxlpodError) || error.hint === undefined) return error;
  const found = named.exec(error.hint);
  if (found === null) return error;
  const machine = (found[1] ?? found[3])!;
  const { code, message, cause, exitCode } = error;
  const hint = error.hint.replace(found[0], () => whatToRead(kept, machine, found[2] ?? 'console'));
  return new CxlpodError(code, message, { cause, hint, exitCode });
}

function whatToRead(kept: string | null, machine: string, log: string): string {
  const folder = kept === null ? null : join(kept, machine);
  if (folder === null || !existsSync(folder)) return `up once more: what ${machine} wrote could not be kept`;
  if (existsSync(join(folder, `${log}.log`))) return `read ${join(folder, `${log}.log`)}`;
  const others = readdirSync(folder).sort();
  if (others.length === 0) return `up once more: ${machine} wrote nothing`;
  return `${machine} wrote no ${log}.log; read ${others.map((file) => join(folder, file)).join(', ')}`;
}
