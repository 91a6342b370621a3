/** What the engine's client throws, as the operator reads it. The failures are the library's own: no engine is at these addresses. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine } from '../../src/engine/docker.ts';
import { engineError } from '../../src/engine/engine-error.ts';
import { fakeEngineServer } from '../doubles/engine-server.ts';

let folder: string;
let server: Server | null;
const dockerHost = process.env.DOCKER_HOST;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'engine-'));
  server = null;
});
afterEach(async () => {
  if (dockerHost === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = dockerHost;
  if (server !== null) await new Promise((resolve) => server!.close(resolve));
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

const engineAt = (name: string) => {
  process.env.DOCKER_HOST = `unix://${join(folder, name)}`;
  return connectEngine();
};

describe('an engine', () => {
  test('whose socket is not there is missing', async () => {
    await expect(engineAt('none.sock').version()).rejects.toMatchObject({
      code: 'NO_ENGINE',
      message: 'there is no docker engine',
      hint: expect.stringContaining('make prepare'),
      exitCode: 3,
    });
  });

  test('whose socket nobody listens on is down', async () => {
    writeFileSync(join(folder, 'dead.sock'), '');

    await expect(engineAt('dead.sock').version()).rejects.toMatchObject({ code: 'ENGINE_DOWN', exitCode: 3 });
  });

  test('that hangs up in the middle of a request is down', async () => {
    server = createServer((socket) => socket.on('data', () => socket.destroy())).listen(join(folder, 'rude.sock'));

    await expect(engineAt('rude.sock').listContainers('cxlpod.pod')).rejects.toMatchObject({
      code: 'ENGINE_DOWN',
      message: 'the docker engine does not answer (could not list containers)',
    });
  });

  test('that refuses this user says how to be allowed', () => {
    const refused = Object.assign(new Error('connect EACCES /var/run/docker.sock'), { code: 'EACCES' });

    expect(engineError('list containers', refused)).toMatchObject({
      code: 'ENGINE_FORBIDDEN',
      hint: expect.stringContaining('usermod -aG docker'),
    });
  });

  test('that fails is quoted', async () => {
    server = fakeEngineServer(join(folder, 'api.sock'), () => ({ status: 500, body: { message: 'no space left on device' } }));

    const created = engineAt('api.sock').createNetwork({ name: 'cxlpod-two', labels: {} });

    await expect(created).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: 'could not create network cxlpod-two',
      cause: new Error('no space left on device'),
    });
  });

  test('without the thing that is asked for answers null, and removing what is gone is no failure', async () => {
    server = fakeEngineServer(join(folder, 'api.sock'), () => ({ status: 404, body: { message: 'no such thing' } }));
    const engine = engineAt('api.sock');

    expect(await engine.findImage('cxlpod/machine:latest')).toBeNull();
    expect(await engine.findNetwork('cxlpod-two')).toBeNull();
    expect(await engine.container('gone').inspect()).toBeNull();
    expect(await engine.container('gone').ended()).toBe(0);
    await engine.container('gone').kill();
    await engine.container('gone').remove();
    await engine.removeNetwork('gone');
  });

  test('that is removing a container already is let be', async () => {
    server = fakeEngineServer(join(folder, 'api.sock'), () => ({ status: 409, body: { message: 'removal is in progress' } }));

    await engineAt('api.sock').container('going').remove();
  });

  test('is asked for exactly what a machine may do: two capabilities, its devices, one port on this host alone', async () => {
    const asked: unknown[] = [];
    server = fakeEngineServer(join(folder, 'api.sock'), ({ url, body }) => {
      if (url.includes('/containers/create')) asked.push(body);
      return { status: 201, body: { Id: 'abc' } };
    });

    await engineAt('api.sock').createContainer({
      name: 'cxlpod-two-vm1',
      image: 'sha256:1',
      command: ['qemu'],
      labels: { 'cxlpod.pod': 'two' },
      network: 'cxlpod-two',
      binds: [
        { from: '/a', to: '/b' },
        { from: '/c', to: '/d', readOnly: true },
      ],
      devices: ['/dev/net/tun'],
      capabilities: ['NET_ADMIN', 'DAC_OVERRIDE'],
      publish: [22],
    });

    expect(asked).toMatchObject([
      {
        Image: 'sha256:1',
        Labels: { 'cxlpod.pod': 'two' },
        HostConfig: {
          NetworkMode: 'cxlpod-two',
          Binds: ['/a:/b', '/c:/d:ro'],
          CapDrop: ['ALL'],
          CapAdd: ['NET_ADMIN', 'DAC_OVERRIDE'],
          Devices: [{ PathOnHost: '/dev/net/tun' }],
          PortBindings: { '22/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        },
      },
    ]);
    expect(JSON.stringify(asked)).not.toContain('"Privileged":true');
  });
});
