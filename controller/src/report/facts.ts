/** What design §7 asks every report to say on its first screen, as data: the page, summary.md and the terminal all tell the same. */
import { effectOf } from '../cluster/memory-type.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { clockReadOf, latencyTableOf } from '../workload/result-of.ts';
import { digits, showBytes, showNs } from './units.ts';

/** Load a core above which somebody else was at work; a pod that has just booted leaves about half of it. */
const busyFrom = 1.5;

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly detail: string;
}

export function factsOf(record: RunRecord): Fact[] {
  const { environment, overSubscription, topology, provenance } = record;
  return [
    { name: 'accelerator', value: acceleratorOf(record), detail: environment.acceleratorReason },
    {
      name: 'cores',
      value: `${overSubscription.hostCores} host cores`,
      detail: `${environment.hostCpu}; ${topology.machines.length} machines${environment.provider === 'local' ? ', a process group each' : ` with ${environment.guestCpus} virtual CPU each`}`,
    },
    {
      name: 'over-subscription',
      value: `${digits(overSubscription.ratio)} busy threads a core`,
      detail: overSubscriptionDetail(overSubscription),
    },
    ...memoryTypeFact(record),
    ...controllerFact(record),
    timesFact(record),
    { name: 'price of the clock', ...clockFact(record) },
    {
      name: 'made of',
      value: provenance.gitRevision === null ? 'no git revision' : shortRevision(record),
      detail: `seed ${record.seed}; pool of ${showBytes(topology.poolBytes)}; ${versionsOf(record)}`,
    },
  ];
}

/** Of runs whose topology sets one. */
function memoryTypeFact({ environment: { memoryType, accelerator } }: RunRecord): Fact[] {
  if (memoryType === undefined) return [];
  const [registers] = Object.values(memoryType.registers);
  return [{ name: 'memory type', value: memoryType.type, detail: `${effectOf(accelerator)} ${registers?.join('; ') ?? ''}` }];
}

/** Of runs that lost it. */
function controllerFact({ controllerGone }: RunRecord): Fact[] {
  if (controllerGone === undefined) return [];
  const { pid, from, to } = controllerGone;
  const value = `gone for ${digits((Date.parse(to) - Date.parse(from)) / 1_000)} s`;
  return [{ name: 'controller', value, detail: `Process ${pid} was last heard of at ${from}; another one came at ${to}.` }];
}

/** The sentence that no reader may miss. */
export function warningOf({ environment }: RunRecord): string {
  switch (environment.accelerator) {
    case 'tcg':
      return 'TCG times are the emulator’s, not CXL’s. Compare what was measured in this run with each other, and with nothing else.';
    case 'kvm':
      return 'KVM times are of this host’s memory and caches, not CXL’s. Compare what was measured in this run with each other.';
    case 'none':
      return 'Times of plain processes on this host’s memory, not CXL’s. Compare what was measured in this run with each other.';
  }
}

/** For each section that shows times. */
export function providerSentence(record: RunRecord): string {
  return `Provider ${record.environment.provider}, accelerator ${acceleratorOf(record)}.`;
}

function timesFact({ scenario, workload }: RunRecord): Fact {
  const name = 'times are';
  if (scenario.workload.name === 'cpu-rate') {
    const detail = 'Open loop: counted from the moment at which a call was to start. Nothing on this page is modelled.';
    return { name, value: 'measured, from the intended start', detail };
  }
  const value = 'measured, service time';
  const closed = 'Closed loop: the next call starts when the last one ended.';
  if (latencyTableOf(workload) === null) return { name, value, detail: `${closed} Nothing on this page is modelled.` };
  return { name, value, detail: `${closed} One figure is modelled and one column published; both say so.` };
}

export function shortRevision({ provenance }: RunRecord): string {
  return `${provenance.gitRevision?.slice(0, 10) ?? 'unknown'}${provenance.gitDirty === true ? ' + changes' : ''}`;
}

function acceleratorOf({ environment }: RunRecord): string {
  return { tcg: 'TCG (emulated)', kvm: 'KVM', none: 'none: processes' }[environment.accelerator];
}

function overSubscriptionDetail({ ratio, loadBefore, hostCores }: RunRecord['overSubscription']): string {
  const load = `Load of this host before the run: ${digits(loadBefore)}`;
  if (loadBefore > hostCores * busyFrom) return `${load}. It was busy with something else: do not trust these times.`;
  if (ratio > 1) return `Threads take turns: tails are the host scheduler’s, and no bar may stand on them. ${load}.`;
  return `Both sides can spin at once; the controller and the emulators’ own threads come on top. ${load}.`;
}

function clockFact(record: RunRecord): { value: string; detail: string } {
  const reads = clockReadOf(record.workload);
  if (reads.length === 0) return { value: 'not measured', detail: 'The workload ended before its clocks were read.' };
  const dearest = Math.max(...reads.map(({ ns }) => ns));
  const [most] = [...record.latencies].sort((a, b) => b.callsPerSample - a.callsPerSample);
  const batch = most?.callsPerSample ?? 1;
  return {
    value: `${showNs(dearest)} a reading`,
    detail: `Read around batches of up to ${batch} calls: ${showNs(dearest / batch)} a call. A sample is the mean of its batch.`,
  };
}

function versionsOf({ environment }: RunRecord): string {
  const { qemu, kernel, guestNode, node } = environment.versions;
  return [qemu && `QEMU ${qemu}`, kernel && `guest kernel ${kernel}`, `Node ${guestNode ?? node ?? 'unknown'}`]
    .filter((text) => text)
    .join(', ');
}
