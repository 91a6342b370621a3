import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeSshKeyPair, publicKeyBlob } from '../../src/ssh/key-pair.ts';
import { quoteCommand } from '../../src/ssh/quote.ts';
import { connectSsh } from '../../src/ssh/ssh.ts';
import { packTar } from '../../src/ssh/tar.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ssh-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const hasSshKeygen = spawns('ssh-keygen', ['-?']);

function spawns(program: string, argv: string[]): boolean {
  try {
    execFileSync(program, argv, { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

describe('a key pair', () => {
  // Comments of every length modulo the padding's block.
  test.skipIf(!hasSshKeygen).each(['', 'a', 'ab', 'cxlpod two', 'eight ch', 'nine char'])(
    'with the comment %j is one that OpenSSH reads',
    (comment) => {
      const pair = makeSshKeyPair(comment);
      const file = join(folder, 'key');
      writeFileSync(file, pair.privateKey, { mode: 0o600 });

      const derived = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });

      expect(derived.trim()).toBe(pair.publicKey.trim());
    },
  );

  test('is different each time', () => {
    expect(makeSshKeyPair('a').publicKey).not.toBe(makeSshKeyPair('a').publicKey);
  });

  test('shows its blob as the host key exchange carries it', () => {
    const blob = publicKeyBlob(makeSshKeyPair('x').publicKey);

    expect(blob.subarray(0, 15).toString('latin1')).toBe('\0\0\0\x0bssh-ed25519');
    expect(blob).toHaveLength(4 + 11 + 4 + 32);
  });
});

describe('a quoted command', () => {
  test.each([
    [['echo', 'plain']],
    [['echo', 'two words', '']],
    [['echo', "it's", '"$HOME"', '`id`', '$(id)', 'a;b|c&d>e', '*', '\\', 'new\nline', '!', '~']],
  ])('%j reaches the program as it was', (argv) => {
    const script = `printf '%s\\0' ${quoteCommand(argv.slice(1))}`;

    const received = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);

    expect(received).toEqual(argv.slice(1));
  });
});

describe('a machine that does not answer ssh', () => {
  const keys = makeSshKeyPair('test');
  const target = (port: number) => ({
    machine: 'vm1',
    host: '127.0.0.1',
    port,
    privateKey: keys.privateKey,
    hostPublicKey: keys.publicKey,
  });
  const behaviours: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['says nothing', () => {}],
    ['hangs up', (socket) => socket.destroy()],
    ['speaks something else', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ];

  test.each(behaviours)('but %s is tried until the deadline, and told', async (_, behave) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;

      await expect(connectSsh(target(port), { deadlineMs: 300 })).rejects.toMatchObject({
        code: 'SSH_SILENT',
        message: 'vm1 did not answer ssh within 0.3 s',
        exitCode: 3,
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('is left at once when the operator interrupts', async () => {
    const operator = new AbortController();
    const connecting = connectSsh(target(1), { deadlineMs: 60_000, signal: operator.signal });
    operator.abort();

    await expect(connecting).rejects.toThrow('aborted');
  });
});

describe('an archive', () => {
  test('unpacks to the same files, with the executable ones marked', () => {
    const program = Buffer.from('#!/bin/sh\n');
    const odd = Buffer.alloc(1537, 7);
    const archive = packTar([
      { path: 'floor', bytes: program, executable: true },
      { path: 'core.wasm', bytes: odd, executable: false },
      { path: 'empty', bytes: Buffer.alloc(0), executable: false },
    ]);

    execFileSync('tar', ['-x', '-C', folder], { input: archive });

    expect(readFileSync(join(folder, 'floor'))).toEqual(program);
    expect(readFileSync(join(folder, 'core.wasm'))).toEqual(odd);
    expect(readFileSync(join(folder, 'empty'))).toHaveLength(0);
    expect(statSync(join(folder, 'floor')).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, 'core.wasm')).mode & 0o111).toBe(0);
  });

  test('refuses a path that the format cannot hold', () => {
    expect(() => packTar([{ path: 'a'.repeat(101), bytes: Buffer.alloc(0), executable: false }])).toThrow('too long');
  });
});
