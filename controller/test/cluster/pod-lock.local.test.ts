import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockPod } from '../../src/cluster/pod-lock.ts';
import { podPaths } from '../../src/cluster/pod-paths.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  process.env.XDG_STATE_HOME = folder;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(folder, { recursive: true });
});

describe('the lock of a pod', () => {
  test('is held by one, and says by whom and for what', async () => {
    const lock = await lockPod('two', 'run ping');

    await expect(lockPod('two', 'down')).rejects.toMatchObject({
      code: 'POD_BUSY',
      exitCode: 2,
      cause: new Error(`by cxlpod run ping, process ${process.pid}`),
    });

    await lock.release();
    await (await lockPod('two', 'down')).release();
  });

  test('of another pod is another lock', async () => {
    const [two, three] = [await lockPod('two', 'up'), await lockPod('three', 'up')];

    await two.release();
    await three.release();
  });

  test('goes to exactly one of many who want it at once', async () => {
    const wanted = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => lockPod('two', `up ${index}`)));
    const got = wanted.filter((each) => each.status === 'fulfilled');

    expect(got).toHaveLength(1);
    await got[0]!.value.release();
  });

  test('is free as soon as its holder is killed', async () => {
    const name = JSON.stringify(`\0cxlpod:${podPaths('two').podFolder}`);
    const script = `require('net').createServer().listen(${name}, () => console.log('held'))`;
    const holder = execFile(process.execPath, ['-e', script]);
    await new Promise((resolve) => holder.stdout!.once('data', resolve));
    await expect(lockPod('two', 'down')).rejects.toMatchObject({ code: 'POD_BUSY' });

    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('exit', resolve));

    await (await lockPod('two', 'down')).release();
  });
});
