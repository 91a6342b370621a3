/** `make prepare` on hosts that lack something, played by a PATH that holds only what the host has. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const prepare = join(dirname(fileURLToPath(import.meta.url)), 'prepare');
const always = ['bash', 'cat', 'dirname', 'grep', 'head', 'id', 'sort', 'tail', 'timeout', 'uname', 'xargs'];

let path = '';
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'cxlpod-path-'));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

function have(...programs: readonly string[]): void {
  for (const program of programs)
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(path, basename(program)));
}

function play(program: string, script: string): void {
  writeFileSync(join(path, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(path, program), 0o755);
}

function run(environment: Record<string, string> = {}, ...flags: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(path, 'bash'), [prepare, ...flags], {
    env: { PATH: path, ...environment },
    encoding: 'utf8',
  });
  return { status, said: `${stdout}${stderr}` };
}

describe('prepare', () => {
  test('says nothing where nothing is missing', () => {
    const { status, stdout, stderr } = spawnSync(prepare, { encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('says that tests of pages are skipped where no browser can be had, and never fails for want of one', () => {
    have(...always);
    expect(run({}, '--browser')).toEqual({ status: 0, said: expect.stringMatching(/^there is no chromium: .* SKIPPED/) });
    play('chromium', 'exit 1');
    expect(run({}, '--browser')).toEqual({ status: 0, said: '' });
  });

  test('asks for Node where there is none', () => {
    have(...always);
    const { status, said } = run();
    expect(status).toBe(3);
    expect(said).toMatch(/error: Node\.js 20\.19 or later is needed\n {2}because: found: none\n {2}try: /);
  });

  test('asks for a newer Node', () => {
    have(...always);
    play('node', 'echo v18.20.0');
    const { status, said } = run();
    expect(status).toBe(3);
    expect(said).toContain('because: found: v18.20.0');
  });

  test('tells a user who may not talk to the engine which group that takes', () => {
    have(...always, 'node', 'npm', 'gcc', 'make');
    play('dockerd', 'exit 1');
    play('docker', 'echo "permission denied while trying to connect to the docker API" >&2; exit 1');
    const { status, said } = run();
    expect(status).toBe(3);
    expect(said).toContain('error: this user may not talk to the docker engine');
    expect(said).toContain('usermod -aG docker');
  });

  test('does not start an engine in place of one that DOCKER_HOST names', () => {
    have(...always, 'node', 'npm', 'gcc', 'make');
    play('docker', 'echo "cannot connect" >&2; exit 1');
    const { status, said } = run({ DOCKER_HOST: 'tcp://127.0.0.1:1' });
    expect(status).toBe(3);
    expect(said).toContain('error: no docker engine at DOCKER_HOST=tcp://127.0.0.1:1');
  });

  test('prints the command that installs what is missing, where it cannot', () => {
    have(...always, 'node', 'npm', 'make');
    play('docker', 'echo 26.0.0');
    play('dockerd', 'exit 1');
    const { status, said } = run();
    expect(status).toBe(3);
    expect(said).toMatch(
      /error: not installed: gcc libc6-dev\n {2}because: installing needs root on Debian or Ubuntu\n {2}try: sudo apt-get/,
    );
  });
});
