/** The two fences against processes that are there: what they hold dies, and they say so only then. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FenceMaker, fenceMaker, seenEmpty } from '../../src/daemon/fence.ts';
import { fenceMark } from '../../src/worker/fence-mark.ts';
import { hostCgroup } from './host-cgroup.ts';
import { isGone, until } from './until.ts';

const folder = mkdtempSync(join(tmpdir(), 'cxlpod-fence-'));
const cgroup = hostCgroup('fence');
afterAll(() => {
  cgroup?.remove();
  rmSync(folder, { recursive: true });
});

/** Waits for a line on its input, so that it can be put into a fence first; then starts a child that leaves its process group, and waits. */
function startHeld(name: string): { process: ChildProcess; childPid: () => number } {
  const pidFile = join(folder, name);
  const script = `read go; setsid sh -c 'echo $$ > ${pidFile}; exec sleep 1000' & wait`;
  const process = spawn('sh', ['-c', script], {
    ...{ detached: true, env: { ...globalThis.process.env, [fenceMark]: name } },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const text = () => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '');
  return {
    process,
    childPid: () => Number(text()),
  };
}

describe.each([
  { kind: 'process-group', make: () => fenceMaker(null) },
  ...(cgroup === null ? [] : [{ kind: 'cgroup', make: () => fenceMaker(join(cgroup.folder, 'a')) }]),
])('a $kind', ({ kind, make }) => {
  let fences: FenceMaker;
  beforeAll(() => {
    fences = make();
  });
  afterAll(() => {
    fences.close();
    if (cgroup !== null) expect(existsSync(join(cgroup.folder, 'a'))).toBe(false);
  });

  test('holds a process and its child until both are dead', async () => {
    expect(fences.kind).toBe(kind);
    const name = `${kind}-${process.pid}`;
    const fence = fences.make(name);
    const held = startHeld(name);
    fence.admit(held.process.pid!);
    held.process.stdin!.end('go\n');
    await until('its child runs', () => held.childPid() > 0);
    expect(fence.isEmpty()).toBe(false);

    const exit = once(held.process, 'exit');
    held.process.kill('SIGKILL');
    await exit;
    expect(fence.isEmpty()).toBe(false);
    expect(await seenEmpty(fence, 50)).toBe(false);

    fence.kill();
    expect(await seenEmpty(fence, 30_000)).toBe(true);
    expect(isGone(held.childPid())).toBe(true);
    fence.remove();
  });
});

test.each([
  ['is not given', null],
  ['is no cgroup', folder],
  ['cannot be made', '/proc/none'],
])('where a cgroup %s, a process group does, and the reason is told', (_, given) => {
  const fences = fenceMaker(given);
  expect(fences.kind).toBe('process-group');
  expect(fences.reason).toEqual(expect.any(String));
});
