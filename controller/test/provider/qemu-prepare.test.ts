/** What is refused before anything is created, on an engine that answers as a test wants it. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine } from '../../src/engine/docker.ts';
import { atLeast, findMachineImage } from '../../src/provider/qemu/machine-image.ts';
import { fakeEngineServer } from '../doubles/engine-server.ts';

let folder: string;
let server: Server | null;
const before = { ...process.env };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepare-'));
  process.env.XDG_CACHE_HOME = folder;
  process.env.DOCKER_HOST = `unix://${join(folder, 'api.sock')}`;
  server = null;
});
afterEach(async () => {
  process.env = { ...before };
  if (server !== null) await new Promise((resolve) => server!.close(resolve));
  rmSync(folder, { recursive: true });
});

/** An engine with a machine image, in which every program writes `output`. */
function engineWhoseImageSays(output: string): { asked: string[] } {
  const asked: string[] = [];
  const frame = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, output.length]), Buffer.from(output)]);
  server = fakeEngineServer(join(folder, 'api.sock'), ({ method, url }) => {
    asked.push(`${method} ${url}`);
    if (url.includes('/images/')) return { status: 200, body: { Id: 'sha256:1', RepoTags: [], Config: { Labels: {} } } };
    if (url.includes('/logs')) return { status: 200, body: frame };
    if (url.includes('/json'))
      return { status: 200, body: { State: { Running: false, ExitCode: 0, Error: '' }, NetworkSettings: {} } };
    if (method === 'DELETE' || url.includes('/start')) return { status: 204, body: '' };
    return { status: 201, body: { Id: 'c1' } };
  });
  return { asked };
}

describe('the machine image', () => {
  test('that has not been built is told, with what builds it', async () => {
    server = fakeEngineServer(join(folder, 'api.sock'), () => ({ status: 404, body: { message: 'no such image' } }));

    await expect(findMachineImage(connectEngine(), [])).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
      message: 'the machine image cxlpod/machine:latest has not been built',
      hint: 'make images',
      exitCode: 3,
    });
  });

  test('with a QEMU that loses atomics is refused', async () => {
    engineWhoseImageSays('QEMU emulator version 10.0.13 (Debian)\nCopyright\n7.3.4-cloud-amd64\n');

    await expect(findMachineImage(connectEngine(), [])).rejects.toMatchObject({
      code: 'QEMU_TOO_OLD',
      message: 'the machine image has QEMU 10.0.13, and a pod needs 11.1',
      hint: 'images/build --force machine',
    });
  });

  test('that does not say what is in it is broken', async () => {
    engineWhoseImageSays('sh: qemu-system-x86_64: not found\n');

    await expect(findMachineImage(connectEngine(), [])).rejects.toMatchObject({
      code: 'IMAGE_BROKEN',
      cause: new Error('sh: qemu-system-x86_64: not found'),
    });
  });

  test('is looked into once, and the container of that is removed', async () => {
    const { asked } = engineWhoseImageSays('QEMU emulator version 11.1.3 (Debian)\n7.3.4-cloud-amd64\n');

    const image = await findMachineImage(connectEngine(), []);
    await findMachineImage(connectEngine(), []);

    expect(image).toMatchObject({ qemuVersion: '11.1.3', kernelRelease: '7.3.4-cloud-amd64' });
    expect(asked.filter((each) => each.startsWith('POST') && each.includes('/containers/create'))).toHaveLength(1);
    expect(asked.filter((each) => each.startsWith('DELETE'))).toHaveLength(1);
  });
});

test.each([
  ['11.1.3', '11.1', true],
  ['11.1', '11.1', true],
  ['12.0', '11.1', true],
  ['11.0.9', '11.1', false],
  ['9.2', '11.1', false],
  ['20.19.0', '20.19', true],
])('version %s is at least %s: %s', (version, minimum, expected) => {
  expect(atLeast(version, minimum)).toBe(expected);
});
