/** Machines that are started once more: with a console, an engine and an ssh server of the test's own. */

import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from 'ssh2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Container, Engine } from '../../src/engine/engine.ts';
import type { MachinePlan, PodPaths } from '../../src/provider/provider.ts';
import { sshPort } from '../../src/provider/qemu/command-line.ts';
import { makePodKeys, readPodKeys } from '../../src/provider/qemu/pod-keys.ts';
import { QemuMachine } from '../../src/provider/qemu/qemu-machine.ts';

let folder: string;
let server: Server;
let paths: PodPaths;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'boot-'));
  paths = { podFolder: folder, poolFile: join(folder, 'pool'), historyFile: join(folder, 'history') } as PodPaths;
  await makePodKeys('p', paths);
  const { hostPrivateKey } = await readPodKeys(paths);
  server = new Server({ hostKeys: [hostPrivateKey] }, (client) => {
    client.on('authentication', (attempt) => attempt.accept());
    client.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const timeouts = { bootMs: 30_000, consoleSilenceMs: 50, agentMs: 30_000, gateMs: 30_000 };

function machineIn(container: Container): QemuMachine {
  const plan = { pod: 'p', name: 'vm1', number: 1, topology: { timeouts }, paths, logFolder: folder } as unknown as MachinePlan;
  const engine = { container: () => container } as unknown as Engine;
  return new QemuMachine(plan, folder, engine, { container: 'c1', podAddress: '10.0.0.2' }, false);
}

function running(port: number) {
  return async () => ({ running: true, paused: false, exitCode: 0, error: '', publishedPorts: { [sshPort]: port } });
}

test('a console that falls silent is kept, its machine is started once more, and that is counted', async () => {
  const console = join(folder, 'console.log');
  writeFileSync(console, 'SeaBIOS\n');
  const calls: string[] = [];
  const container: Container = {
    id: 'c1',
    start: async () => {
      calls.push('start');
      writeFileSync(console, 'cxlpod: ready\n');
    },
    pause: async () => {},
    unpause: async () => {},
    limitCpus: async () => {},
    throttledPeriods: async () => 0,
    kill: async () => void calls.push('kill'),
    ended: (signal) =>
      signal === undefined
        ? Promise.resolve(137)
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    inspect: running((server.address() as AddressInfo).port),
    remove: async () => {},
    logTail: async () => '',
  };
  const machine = machineIn(container);
  const states: string[] = [];

  await machine.ready(new AbortController().signal, (state) => states.push(state));
  await machine.close();

  expect(machine.bootRestarts).toBe(1);
  expect(calls).toEqual(['kill', 'start']);
  expect(states).toContain('its console was silent for 0.05 s: starting it once more');
  expect(existsSync(join(folder, 'console.1.log'))).toBe(true);
});

test('a machine that is powered on does not wait for whoever still tries to reach it as it was', async () => {
  const silentServer = createServer().listen(0, '127.0.0.1');
  await once(silentServer, 'listening');
  const calls: string[] = [];
  const container = {
    start: async () => void calls.push('start'),
    inspect: running((silentServer.address() as AddressInfo).port),
  } as unknown as Container;
  const machine = machineIn(container);
  const accepted = once(silentServer, 'connection');
  const reaching = machine.exec(['true']).then(
    () => calls.push('reached'),
    (error: Error) => calls.push(error.name),
  );
  await accepted;

  await machine.powerOn();
  await reaching;

  // Without the word to give up it would be told after half a minute that nobody answers, and only then start.
  expect(calls).toEqual(['AbortError', 'start']);
  silentServer.close();
});
