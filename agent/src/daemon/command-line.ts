import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { AgentError } from '../protocol/agent-error.ts';

export interface AgentOptions {
  readonly socketPath: string;
  /** Where agent.mjs, worker.mjs, core.wasm, addon.node and floor are. */
  readonly folder: string;
  readonly logFile: string;
  readonly machine: string;
  /** A cgroup v2 folder to make the workers' cgroups in; null: fence by process group. */
  readonly cgroupFolder: string | null;
}

const usage = 'node agent.mjs --socket PATH --folder DIR --log FILE [--machine NAME] [--cgroup DIR]';
/** sun_path of a unix socket, without its terminating zero. */
const socketPathLimitBytes = 107;

export function readCommandLine(argv: readonly string[]): AgentOptions {
  const text = { type: 'string' } as const;
  let values: Partial<Record<'socket' | 'folder' | 'log' | 'machine' | 'cgroup', string>>;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: { socket: text, folder: text, log: text, machine: text, cgroup: text },
    }));
  } catch (error) {
    throw new AgentError('USAGE', 'the agent does not understand its command line', { cause: error, hint: usage });
  }
  const { socket, folder, log, machine = hostname(), cgroup } = values;
  if (socket === undefined || folder === undefined || log === undefined) {
    throw new AgentError('USAGE', 'the agent needs --socket, --folder and --log', { hint: usage });
  }
  if (Buffer.byteLength(socket) > socketPathLimitBytes) {
    throw new AgentError('USAGE', `the path of the agent's socket is longer than ${socketPathLimitBytes} bytes`, {
      cause: socket,
      hint: 'use a shorter pod folder, e.g. by TMPDIR=/tmp',
    });
  }
  return { socketPath: socket, folder, logFile: log, machine, cgroupFolder: cgroup ?? null };
}
