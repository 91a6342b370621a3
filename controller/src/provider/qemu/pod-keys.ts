/** The keys of a pod: the controller's, and the one that all its machines show. Made by `up`, gone with the pod's folder. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSshKeyPair } from '../../ssh/key-pair.ts';
import type { PodPaths } from '../provider.ts';

export interface PodKeys {
  readonly clientPrivateKey: string;
  readonly clientPublicKey: string;
  readonly hostPrivateKey: string;
  readonly hostPublicKey: string;
}

const fileNames = {
  clientPrivateKey: 'client',
  clientPublicKey: 'client.pub',
  hostPrivateKey: 'host',
  hostPublicKey: 'host.pub',
} as const;

export async function makePodKeys(pod: string, paths: PodPaths): Promise<void> {
  const client = makeSshKeyPair(`cxlpod-${pod}`);
  const host = makeSshKeyPair(`cxlpod-${pod}-machines`);
  const keys: PodKeys = {
    clientPrivateKey: client.privateKey,
    clientPublicKey: client.publicKey,
    hostPrivateKey: host.privateKey,
    hostPublicKey: host.publicKey,
  };
  await mkdir(folderOf(paths), { recursive: true, mode: 0o700 });
  await Promise.all(
    Object.entries(fileNames).map(([key, file]) =>
      writeFile(join(folderOf(paths), file), `${keys[key as keyof PodKeys].trimEnd()}\n`, { mode: 0o600 }),
    ),
  );
}

export async function readPodKeys(paths: PodPaths): Promise<PodKeys> {
  const read = (key: keyof PodKeys): Promise<string> => readFile(join(folderOf(paths), fileNames[key]), 'utf8');
  return {
    clientPrivateKey: await read('clientPrivateKey'),
    clientPublicKey: (await read('clientPublicKey')).trim(),
    hostPrivateKey: await read('hostPrivateKey'),
    hostPublicKey: (await read('hostPublicKey')).trim(),
  };
}

function folderOf(paths: PodPaths): string {
  return join(paths.podFolder, 'keys');
}
