import { defaultLeaseMs } from '@cxlpod/agent/protocol';
import type { Downed } from '../cluster/down.ts';
import type { GateReport } from '../cluster/gate.ts';
import { printSize } from '../config/quantities.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { fencePolicies } from '../recovery/outcome.ts';
import type { Command } from './command.ts';
import { nameOption, pickPod } from './pick-pod.ts';

interface PodOptions {
  readonly name?: string;
  readonly json?: boolean;
}

export const podCommands: readonly Command[] = [
  (program, context) =>
    program
      .command('up')
      .description('boot the machines of a topology, prove that their memory is coherent')
      .argument('[topology]', 'its name, or the path of its file', 'two')
      .option('-n, --name <pod>', 'what to call the pod; the name of the topology otherwise')
      .option('--json', 'the status of the pod on standard output')
      .action(
        context.action(async (topology: string, { name, json }: PodOptions) => {
          const { loadTopology } = await import('../config/load-topology.ts');
          const { upPod } = await import('../cluster/up.ts');
          const { podStatus } = await import('../cluster/pod-status.ts');
          const { inspectPoolFile } = await import('@cxlpod/agent/inspect');
          const { describeShape } = await import('../runs/describe-pool.ts');
          const { pod, gate } = await upPod({
            topology: loadTopology(topology, { name }),
            signal: context.signal,
            quiet: context.quiet(),
            say: context.say,
          });
          await pod[Symbol.asyncDispose]();
          if (json === true) context.out(JSON.stringify(await podStatus(pod.name), null, 2));
          context.say(
            `pod ${pod.name} is up: ${pod.topology.machines.join(', ')} share ${printSize(pod.topology.pool.sizeBytes)}`,
          );
          context.say(describeGate(gate));
          const { heap } = inspectPoolFile(pod.paths.poolFile);
          context.say(heap === undefined ? 'heap: none' : describeShape(heap));
        }),
      ),

  (program, context) =>
    program
      .command('status')
      .description('machines, agents, pool and workers of a pod')
      .option(...nameOption)
      .option('--json', 'on standard output, as JSON')
      .action(
        context.action(async ({ name, json }: PodOptions) => {
          const { podStatus } = await import('../cluster/pod-status.ts');
          const { requireUp } = await import('../cluster/open-pod.ts');
          const { describeStatus } = await import('./describe-status.ts');
          const pod = pickPod(name);
          const status = await podStatus(pod);
          if (status === null) await requireUp(pod);
          context.out(json === true ? JSON.stringify(status, null, 2) : describeStatus(status!));
          return status!.phase === 'up' && status!.machines.every((each) => each.agent !== null)
            ? exitCodes.valid
            : exitCodes.environment;
        }),
      ),

  (program, context) =>
    program
      .command('reset')
      .description('blank and format the pool of a running pod, without booting')
      .option(...nameOption)
      .option('--json', "the gate's report on standard output")
      .action(
        context.action(async ({ name, json }: PodOptions) => {
          const { resetPod } = await import('../cluster/reset.ts');
          const gate = await resetPod(pickPod(name), { signal: context.signal, quiet: context.quiet() });
          if (json === true) context.out(JSON.stringify(gate, null, 2));
          context.say(describeGate(gate));
        }),
      ),

  (program, context) =>
    program
      .command('recover')
      .description('fence and recover the clients of machines that have ended, for a pod that no run watches')
      .option(...nameOption)
      .option(
        '--fence <policy>',
        `${fencePolicies.join(' or ')}: then power off who is suspected and does not answer`,
        fencePolicies[0],
      )
      .option('--json', 'what became of each client, on standard output')
      .action(
        context.action(async ({ name, json, fence: asked }: PodOptions & { readonly fence: string }) => {
          const { recoverCommand } = await import('../recovery/recover-command.ts');
          const fence = fencePolicies.find((each) => each === asked);
          if (fence === undefined) {
            throw usageError('FENCE_UNKNOWN', `--fence ${asked} is not known`, { hint: `one of ${fencePolicies.join(', ')}` });
          }
          return recoverCommand(pickPod(name), { fence, leaseMs: defaultLeaseMs, json: json === true }, context);
        }),
      ),

  (program, context) =>
    program
      .command('down')
      .description('remove a pod and everything that belongs to it, whatever state it is in')
      .option(...nameOption)
      .option('--all', 'every pod of this state folder ($XDG_STATE_HOME)')
      .option('--json', 'what was removed, on standard output')
      .action(
        context.action(async ({ name, json, all }: PodOptions & { readonly all?: boolean }) => {
          const { describeElsewhere } = await import('../cluster/find-pods.ts');
          const { removed, elsewhere, failures } = await down(name, all === true);
          if (json === true) context.out(JSON.stringify(removed, null, 2));
          for (const each of removed) {
            context.say(`${each.pod}: ${each.removed.length === 0 ? 'nothing was there' : `removed ${each.removed.join(', ')}`}`);
          }
          for (const each of elsewhere) context.say(`not touched: ${describeElsewhere(each)}`);
          if (failures.length > 0) throw failures[0];
          if (removed.length === 0) context.say('there is no pod of this state folder');
        }),
      ),
];

/** Also with `--name` of a pod that left no folder: its containers may still be there. */
async function down(name: string | undefined, all: boolean): Promise<Downed> {
  const { downAll, downPod } = await import('../cluster/down.ts');
  if (name === undefined) {
    const { findPods } = await import('../cluster/find-pods.ts');
    const { own } = await findPods();
    if (all || own.length === 0) return downAll();
    // Of several, one must be named.
    name = own.length === 1 ? own[0]! : pickPod(undefined);
  }
  const pod = pickPod(name);
  return { removed: [{ pod, removed: await downPod(pod) }], elsewhere: [], failures: [] };
}

export function describeGate({ fetchAdd, plain, casLost, litmus, machines }: GateReport): string {
  const figure = (value: number): string => value.toLocaleString('en-US');
  const runs = litmus.reduce((sum, each) => sum + each.runs, 0);
  return (
    `coherent: ${machines} machines kept ${figure(fetchAdd.kept)} of ${figure(fetchAdd.of)} atomic increments and lost ` +
    `${figure(plain.of - plain.kept)} plain ones; ${figure(casLost)} compare-and-swaps met; ` +
    `no forbidden outcome in ${figure(runs)} litmus runs`
  );
}
