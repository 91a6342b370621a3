/** The image that machines are made from: which one, and what is in it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../config/project-root.ts';
import type { Engine } from '../../engine/engine.ts';
import { environmentError } from '../../errors/cxlpod-error.ts';
import { runHostProgram } from '../../programs/run-host-program.ts';
import { remembered } from './host-cache.ts';
import { runToEnd } from './run-to-end.ts';

export interface MachineImage {
  readonly id: string;
  readonly reference: string;
  readonly qemuVersion: string;
  readonly kernelRelease: string;
  readonly guestNodeVersion: string;
}

const inspectDeadlineMs = 30_000;

/** Throws `IMAGE_MISSING` or `QEMU_TOO_OLD`. */
export async function findMachineImage(engine: Engine, guestPackages: readonly string[]): Promise<MachineImage> {
  const versions = readVersions();
  const reference = await referenceOf(versions, guestPackages);
  const image = await engine.findImage(reference);
  if (image === null) {
    throw environmentError('IMAGE_MISSING', `the machine image ${reference} has not been built`, {
      hint: buildHint(guestPackages),
    });
  }
  const { qemuVersion, kernelRelease } = await remembered(`image ${image.id}`, () => lookInside(engine, image.id));
  if (!atLeast(qemuVersion, versions.QEMU_MINIMUM!)) throw tooOld(qemuVersion, versions.QEMU_MINIMUM!);
  return { id: image.id, reference, qemuVersion, kernelRelease, guestNodeVersion: `v${versions.NODE_VERSION}` };
}

export function readVersions(): Readonly<Record<string, string>> {
  const text = readFileSync(join(projectRoot(), 'images', 'versions'), 'utf8');
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, key, value]) => [key!, value!]));
}

/** Whether a dotted version is at least another. */
export function atLeast(version: string, minimum: string): boolean {
  const parts = version.split('.').map(Number);
  const least = minimum.split('.').map(Number);
  for (let index = 0; index < least.length; index++) {
    const difference = (parts[index] ?? 0) - least[index]!;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** `:latest` is the plain image; one with more packages in its guest has a tag of its own, which images/build knows. */
async function referenceOf(versions: Readonly<Record<string, string>>, guestPackages: readonly string[]): Promise<string> {
  if (guestPackages.length === 0) return `${versions.MACHINE_IMAGE}:latest`;
  const argv = [join(projectRoot(), 'images', 'build'), '--tag', 'machine'];
  const { exitCode, stdout, stderr } = await runHostProgram(argv, {
    environment: { CXLPOD_GUEST_PACKAGES: guestPackages.join(' ') },
  });
  if (exitCode === 0) return stdout.trim();
  throw environmentError('IMAGE_UNNAMED', 'the image with the topology’s guestPackages has no name', {
    cause: new Error(stderr.trim()),
  });
}

async function lookInside(engine: Engine, image: string): Promise<{ qemuVersion: string; kernelRelease: string }> {
  const look = 'qemu-system-x86_64 --version; cat /cxlpod/kernel-release';
  const output = await runToEnd(engine, { image, command: ['sh', '-c', look], devices: [], deadlineMs: inspectDeadlineMs });
  const qemuVersion = /version (\d+\.\d+(?:\.\d+)?)/.exec(output)?.[1];
  const kernelRelease = output.trim().split('\n').at(-1);
  if (qemuVersion === undefined || kernelRelease === undefined) {
    throw environmentError('IMAGE_BROKEN', 'the machine image does not say what is in it', {
      cause: new Error(output.trim()),
      hint: 'images/build --force machine',
    });
  }
  return { qemuVersion, kernelRelease };
}

function tooOld(version: string, minimum: string) {
  return environmentError('QEMU_TOO_OLD', `the machine image has QEMU ${version}, and a pod needs ${minimum}`, {
    cause: new Error(
      `before ${minimum} every access to CXL memory is emulated one by one, and atomics between machines are lost`,
    ),
    hint: 'images/build --force machine',
  });
}

function buildHint(guestPackages: readonly string[]): string {
  return guestPackages.length === 0 ? 'make images' : `CXLPOD_GUEST_PACKAGES="${guestPackages.join(' ')}" images/build machine`;
}
