/** KVM or TCG, on an engine whose probe machine ends, dies or hangs as a test wants it. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine } from '../../src/engine/docker.ts';
import { chooseAccelerator, type Probing, whyNoKvm } from '../../src/provider/qemu/choose-accelerator.ts';
import { fakeEngineServer } from '../doubles/engine-server.ts';

let folder: string;
let server: Server | null;
const before = { ...process.env };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'accelerator-'));
  process.env.XDG_CACHE_HOME = folder;
  process.env.DOCKER_HOST = `unix://${join(folder, 'api.sock')}`;
  server = null;
});
afterEach(async () => {
  process.env = { ...before };
  if (server !== null) await new Promise((resolve) => server!.close(resolve));
  rmSync(folder, { recursive: true });
});

interface ProbeMachine {
  says: string;
  runs: boolean;
}

/** Returns the probes that were made, and those that were removed. */
function engineWith(machine: ProbeMachine): { made: unknown[]; removed: string[] } {
  const seen = { made: [] as unknown[], removed: [] as string[] };
  server = fakeEngineServer(join(folder, 'api.sock'), ({ method, url, body }) => {
    if (url.includes('/logs')) {
      const frame = [Buffer.from([1, 0, 0, 0, 0, 0, 0, machine.says.length]), Buffer.from(machine.says)];
      return { status: 200, body: Buffer.concat(frame) };
    }
    if (url.includes('/json')) {
      return { status: 200, body: { State: { Running: machine.runs, ExitCode: 0, Error: '' }, NetworkSettings: {} } };
    }
    if (method === 'DELETE') seen.removed.push(url);
    if (method === 'DELETE' || url.includes('/start')) return { status: 204, body: '' };
    seen.made.push(body);
    return { status: 201, body: { Id: 'c1' } };
  });
  return seen;
}

const { signal } = new AbortController();
/** A device that every host has, and everybody may open. */
const probing: Probing = { device: '/dev/null' };
const choose = (asked: 'auto' | 'kvm' | 'tcg', changes: Probing = {}) =>
  chooseAccelerator(connectEngine(), 'sha256:1', asked, signal, { ...probing, ...changes });

const works: ProbeMachine = { says: 'SeaBIOS\ncxlpod: probe ok\n', runs: false };
const dies: ProbeMachine = { says: 'SeaBIOS\nKVM internal error. Suberror: 1\nRAX=0000\n', runs: true };
const hangs: ProbeMachine = { says: 'SeaBIOS\n', runs: true };

describe('the accelerator', () => {
  test('is KVM where a probe machine boots with it', async () => {
    const { made, removed } = engineWith(works);

    expect(await choose('auto')).toEqual({ accelerator: 'kvm', reason: 'a probe machine booted with it' });
    expect(JSON.stringify(made)).toContain('/dev/null');
    expect(removed).toHaveLength(1);
  });

  test('is TCG where KVM dies, which is told and not waited for', async () => {
    const { removed } = engineWith(dies);

    expect(await choose('auto', { deadlineMs: 60_000 })).toEqual({
      accelerator: 'tcg',
      reason: 'a probe machine died with KVM: KVM internal error. Suberror: 1',
    });
    expect(removed).toHaveLength(1);
  });

  test('is TCG where KVM hangs, which is found out once', async () => {
    const { made, removed } = engineWith(hangs);
    const hung = { accelerator: 'tcg', reason: expect.stringMatching(/did not boot with KVM within 0.01 s; cxlpod doctor/) };

    expect(await choose('auto', { deadlineMs: 10 })).toEqual(hung);
    expect(await choose('auto', { deadlineMs: 10 })).toEqual(hung);

    expect([made.length, removed.length]).toEqual([1, 1]);
  });

  test('that was only slow once is KVM again after a probe afresh, which is what doctor makes', async () => {
    const machine = { ...hangs };
    engineWith(machine);
    await choose('auto', { deadlineMs: 10 });
    Object.assign(machine, works);

    expect(await whyNoKvm(connectEngine(), 'sha256:1', signal, { ...probing, afresh: true })).toBeNull();

    expect(await choose('auto')).toMatchObject({ accelerator: 'kvm' });
  });

  test('is probed anew for another image', async () => {
    const { made } = engineWith(works);

    await choose('auto');
    await chooseAccelerator(connectEngine(), 'sha256:2', 'auto', signal, probing);

    expect(made).toHaveLength(2);
  });

  test('that a topology insists on and this host lacks is refused', async () => {
    engineWith(dies);

    await expect(choose('kvm')).rejects.toMatchObject({
      code: 'KVM_UNUSABLE',
      exitCode: 3,
      cause: new Error('a probe machine died with KVM: KVM internal error. Suberror: 1'),
    });
  });

  test('is TCG without a probe where there is no device, or where the topology asks for it', async () => {
    const { made } = engineWith(works);

    expect(await choose('auto', { device: '/dev/no-kvm' })).toEqual({ accelerator: 'tcg', reason: 'there is no /dev/no-kvm' });
    expect(await choose('tcg')).toEqual({ accelerator: 'tcg', reason: 'the topology asks for it' });
    expect(made).toEqual([]);
  });
});
