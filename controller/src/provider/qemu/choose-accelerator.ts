/**
 * KVM where a guest really boots with it, TCG otherwise. That /dev/kvm opens proves nothing: there are hosts whose KVM dies on the
 * first instructions of a stock kernel, so the proof is a boot.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import type { Topology } from '../../config/topology.ts';
import type { Engine } from '../../engine/engine.ts';
import { CxlpodError, environmentError } from '../../errors/cxlpod-error.ts';
import { probeCommandLine } from './command-line.ts';
import { remembered } from './host-cache.ts';
import { runToEnd } from './run-to-end.ts';

export interface AcceleratorChoice {
  readonly accelerator: 'kvm' | 'tcg';
  readonly reason: string;
}

export const kvmDevice = '/dev/kvm';
/** A machine with a working KVM is through in about a second; one with a broken KVM may spin for ever. */
const probeDeadlineMs = 6_000;
/** QEMU says so and then stands still, with the machine's state kept for a debugger. */
const broken = /KVM internal error/;

export async function chooseAccelerator(
  engine: Engine,
  image: string,
  asked: Topology['accelerator'],
  signal: AbortSignal,
  probing: Probing = {},
): Promise<AcceleratorChoice> {
  if (asked === 'tcg') return { accelerator: 'tcg', reason: 'the topology asks for it' };
  const problem = await whyNoKvm(engine, image, signal, probing);
  if (problem === null) return { accelerator: 'kvm', reason: 'a probe machine booted with it' };
  if (asked === 'auto') return { accelerator: 'tcg', reason: problem };
  throw environmentError('KVM_UNUSABLE', 'the topology asks for KVM, and this host cannot run a machine with it', {
    cause: new Error(problem),
    hint: 'accelerator: auto, which takes TCG here; cxlpod doctor tries KVM once more',
  });
}

export interface Probing {
  /** Whatever was found before is forgotten. */
  readonly afresh?: boolean;
  readonly device?: string;
  readonly deadlineMs?: number;
}

/**
 * Null when KVM works. Probed once per boot of the host and image, a probe that hung too: a KVM that hangs does so each time, and
 * every `up` would wait for it. Who knows better asks for a probe `afresh`.
 */
export async function whyNoKvm(
  engine: Engine,
  image: string,
  signal: AbortSignal,
  probing: Probing = {},
): Promise<string | null> {
  const { device = kvmDevice, deadlineMs = probeDeadlineMs, afresh = false } = probing;
  if (!existsSync(device)) return `there is no ${device}`;
  if (!isAccessible(device) && process.getuid?.() !== 0) return `this user may not open ${device}`;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const learn = async () => ({ problem: await probe(engine, { image, device, deadlineMs, signal }) });
  const { problem } = await remembered(`kvm ${bootId} ${image}`, learn, { afresh });
  return problem;
}

async function probe(engine: Engine, { image, device, deadlineMs, signal }: Probe): Promise<string | null> {
  const command = probeCommandLine('kvm');
  try {
    const run = { image, command, devices: [device], deadlineMs, enough: broken, signal };
    const output = await runToEnd(engine, run);
    return output.includes('cxlpod: probe ok') ? null : `a probe machine died with KVM: ${tellingLine(output)}`;
  } catch (error) {
    if (!(error instanceof CxlpodError) || error.code !== 'CONTAINER_SLOW') throw error;
    return `a probe machine did not boot with KVM within ${deadlineMs / 1000} s; cxlpod doctor tries once more`;
  }
}

interface Probe {
  readonly image: string;
  readonly device: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Of all that a dying QEMU prints, the line that says why. */
function tellingLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /kvm.*(error|fail)|could not access kvm/i.test(line)) ??
    lines.find((line) => line !== '') ??
    'it said nothing'
  );
}

function isAccessible(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
