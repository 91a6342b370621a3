import { execFile } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isLocked, lockPod } from '../../src/cluster/pod-lock.ts';

const two = `lock-test-two-${process.pid}`;
const three = `lock-test-three-${process.pid}`;

describe('the lock of a pod', () => {
  test('is held by one, and says by whom and for what', async () => {
    const lock = await lockPod(two, 'run ping');

    await expect(lockPod(two, 'down')).rejects.toMatchObject({
      code: 'POD_BUSY',
      exitCode: 2,
      cause: new Error(`by cxlpod run ping, process ${process.pid}`),
    });

    expect(await isLocked(two)).toBe(true);
    await lock.release();
    expect(await isLocked(two)).toBe(false);
    await (await lockPod(two, 'down')).release();
  });

  test('of another pod is another lock', async () => {
    const [left, right] = [await lockPod(two, 'up'), await lockPod(three, 'up')];

    await left.release();
    await right.release();
  });

  test('goes to exactly one of many who want it at once', async () => {
    const wanted = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => lockPod(two, `up ${index}`)));
    const got = wanted.filter((each) => each.status === 'fulfilled');

    expect(got).toHaveLength(1);
    await got[0]!.value.release();
  });

  test('is free as soon as its holder is killed', async () => {
    const name = JSON.stringify(`\0cxlpod-pod-${two}`);
    const script = `require('net').createServer().listen(${name}, () => console.log('held'))`;
    const holder = execFile(process.execPath, ['-e', script]);
    await new Promise((resolve) => holder.stdout!.once('data', resolve));
    await expect(lockPod(two, 'down')).rejects.toMatchObject({ code: 'POD_BUSY' });

    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('exit', resolve));

    await (await lockPod(two, 'down')).release();
  });
});
