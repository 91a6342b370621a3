/** Whether a bundled module exports a workload: it is loaded once on this host, in a process of its own, with stand-ins for what it imports from `cxlpod`. */
import { usageError } from '../errors/cxlpod-error.ts';
import { runHostProgram } from '../programs/run-host-program.ts';

const loadLimitMs = 30_000;
const noWorkload = 3;

/** A stand-in may be called, constructed, or asked for anything but what makes a workload; only the shape of the default export is of interest. */
const look = `
const standIn = new Proxy(function () {}, { get: (_, name) => (typeof name === 'symbol' || name === 'drive' ? undefined : standIn), apply: () => standIn, construct: () => standIn });
// A bundle copies what it finds and inherits the rest.
globalThis[Symbol.for('cxlpod')] = Object.create(new Proxy({}, { get: (_, name) => (name === 'defineWorkload' ? (given) => given : standIn) }));
const { default: workload } = await import(process.argv[1]);
process.exit(typeof workload?.drive === 'function' ? 0 : ${noWorkload});
`;

/** Error: NOT_A_WORKLOAD, of usage. A module that cannot be loaded here may be one that can on its machine, and is left to it. */
export async function requireWorkload(bundled: string, source: string): Promise<void> {
  const argv = [process.execPath, '--input-type=module', '--eval', look, bundled];
  const ended = await runHostProgram(argv, { timeoutMs: loadLimitMs }).catch(() => null);
  if (ended?.exitCode !== noWorkload) return;
  throw usageError('NOT_A_WORKLOAD', `${source} exports no workload`, {
    hint: 'export default defineWorkload({ drive(pod) { ... } }), with defineWorkload from cxlpod',
  });
}
