/** What `cxlpod doctor` looks at. Each finding stands alone: one that fails keeps none of the others from being told. */
import { existsSync } from 'node:fs';
import { readHostMemory, tmpfsFolder } from '../config/fits-host.ts';
import { agentBundle } from '../deploy/agent-bundle.ts';
import { connectEngine } from '../engine/docker.ts';
import type { Engine } from '../engine/engine.ts';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import { whyNoKvm } from '../provider/qemu/choose-accelerator.ts';
import { atLeast, findMachineImage } from '../provider/qemu/machine-image.ts';
import { describeElsewhere, findPods } from './find-pods.ts';
import { isLocked } from './pod-lock.ts';
import { podPaths } from './pod-paths.ts';
import { readPodState } from './pod-state.ts';

export interface Finding {
  readonly check: string;
  /** `warn`: pods can be run, but not as well, or not all. */
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  readonly fix: string | null;
}

type Answer = Omit<Finding, 'check'>;

const nodeMinimum = '20.19';
const mebibyte = 1024 ** 2;
/** Two machines of the default size with their pool. */
const comfortableBytes = 1400 * mebibyte;
const defaultSharedBytes = 272 * mebibyte;

export async function examineHost(signal: AbortSignal): Promise<readonly Finding[]> {
  const engine = connectEngine();
  const checks: readonly (readonly [string, () => Promise<Answer> | Answer])[] = [
    ['Node', node],
    ['agent bundle', bundle],
    ['docker engine', () => dockerEngine(engine)],
    ['machine image', () => machineImage(engine)],
    ['accelerator', () => accelerator(engine, signal)],
    ['pod network', tun],
    ['memory', memory],
    [`space in ${tmpfsFolder}`, tmpfs],
    ['leftovers', leftovers],
  ];
  return Promise.all(checks.map(async ([check, look]) => ({ check, ...(await orFailure(look)) })));
}

async function orFailure(look: () => Promise<Answer> | Answer): Promise<Answer> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof CxlpodError)) throw error;
    return { status: 'fail', found: error.message, fix: error.hint ?? null };
  }
}

function ok(found: string): Answer {
  return { status: 'ok', found, fix: null };
}

function node(): Answer {
  const version = process.version.slice(1);
  return atLeast(version, nodeMinimum)
    ? ok(process.version)
    : { status: 'fail', found: process.version, fix: `Node.js ${nodeMinimum} or later` };
}

function bundle(): Answer {
  return ok(`${agentBundle().length} files`);
}

async function dockerEngine(engine: Engine): Promise<Answer> {
  const { version, apiVersion } = await engine.version();
  return ok(`${version}, API ${apiVersion}`);
}

async function machineImage(engine: Engine): Promise<Answer> {
  const { reference, qemuVersion, kernelRelease } = await findMachineImage(engine, []);
  return ok(`${reference}, QEMU ${qemuVersion}, kernel ${kernelRelease}`);
}

/** Probed now, whatever is remembered; what it finds is remembered instead. */
async function accelerator(engine: Engine, signal: AbortSignal): Promise<Answer> {
  const { id } = await findMachineImage(engine, []);
  const problem = await whyNoKvm(engine, id, signal, { afresh: true });
  if (problem === null) return ok('KVM: a probe machine booted with it');
  return {
    status: 'warn',
    found: `TCG, since ${problem}`,
    fix: 'none needed: pods are slower, and as correct; remembered until this host boots, or doctor runs again',
  };
}

function tun(): Answer {
  if (existsSync('/dev/net/tun')) return ok('/dev/net/tun');
  return { status: 'fail', found: 'there is no /dev/net/tun', fix: 'modprobe tun' };
}

function memory(): Answer {
  const { availableBytes } = readHostMemory();
  const found = `${Math.round(availableBytes / mebibyte)} MiB available`;
  if (availableBytes >= comfortableBytes) return ok(found);
  return { status: 'warn', found, fix: `two machines take about ${comfortableBytes / mebibyte} MiB; provider local takes less` };
}

function tmpfs(): Answer {
  const { tmpfsFreeBytes } = readHostMemory();
  const found = `${Math.round(tmpfsFreeBytes / mebibyte)} MiB free`;
  if (tmpfsFreeBytes >= defaultSharedBytes) return ok(found);
  return { status: 'fail', found, fix: `mount -o remount,size=1g ${tmpfsFolder}` };
}

/** Pods that are up, or are being changed, are none; what a killed controller left is. Of those of other state folders nothing is known here. */
async function leftovers(): Promise<Answer> {
  const { own: pods, elsewhere } = await findPods();
  const left: string[] = [];
  for (const pod of pods) {
    const state = await readPodState(podPaths(pod)).catch(() => null);
    if (state?.phase !== 'up' && !(await isLocked(pod))) left.push(pod);
  }
  const alive = pods.filter((pod) => !left.includes(pod));
  const others = elsewhere.map((each) => `; ${describeElsewhere(each)}`).join('');
  if (left.length === 0) return ok(`${alive.length === 0 ? 'none' : `none; in use: ${alive.join(', ')}`}${others}`);
  const fix = left.map((pod) => `cxlpod down --name ${pod}`).join('; ');
  return { status: 'warn', found: `of ${left.join(', ')}${others}`, fix };
}
