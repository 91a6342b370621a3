import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runPlan } from '../../src/steps/run-plan.ts';
import { showTree } from '../../src/steps/show-tree.ts';
import type { Plan, Step, StepObserver } from '../../src/steps/step.ts';

const step = (name: string, run: () => Promise<void> = async () => {}): Step => ({ name, deadlineMs: 60_000, run });

/** What a terminal shows at the end. */
async function lastFrame(plan: Plan): Promise<string[]> {
  return (await everything(plan)).frame;
}

async function everything(
  plan: Plan,
  watch: (observer: StepObserver, text: () => string) => void = () => {},
): Promise<{ text: string; frame: string[] }> {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 40 });
  let text = '';
  terminal.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const observer = showTree(plan, terminal as unknown as NodeJS.WriteStream);
  watch(observer, () => text);
  await runPlan(plan, { signal: new AbortController().signal, observer, what: 'up two' }).catch(() => {});
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor and colours the text
  const plain = text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
  const frame = plain
    .slice(plain.lastIndexOf('check the host') - 2)
    .trimEnd()
    .split('\n');
  return { text: plain, frame };
}

test('the tree shows how each step ended, also of those that were over before they were drawn', async () => {
  const frame = await lastFrame([
    step('check the host'),
    { name: 'machines', together: [{ name: 'vm1', steps: [step('start'), step('boot')] }] },
    step('format the pool'),
  ]);

  expect(frame).toEqual(['✔ check the host', '✔ machines', '  ✔ vm1', '    ✔ start', '    ✔ boot', '✔ format the pool']);
});

test('the tree shows which step failed, and what came to nothing after it', async () => {
  const broken = step('boot', async () => {
    throw new Error('no luck');
  });

  const frame = await lastFrame([step('check the host'), broken, step('format the pool')]);

  expect(frame.map((line) => line.trim())).toEqual([
    '✔ check the host',
    '✖ boot',
    expect.stringMatching(/^[^✔] format the pool$/),
  ]);
});

test('the time that is left stands at the step that runs, and not at one that is over', async () => {
  let isShown = async (): Promise<void> => {};
  const plan = [step('check the host'), step('boot', () => isShown()), step('format the pool')];

  const { frame } = await everything(plan, (observer, text) => {
    isShown = async () => {
      observer.left!('about 20 s left');
      await expect.poll(text, { timeout: 60_000 }).toContain('about 20 s left');
    };
  });

  expect(frame.map((line) => line.trim())).toEqual(['✔ check the host', '✔ boot', '✔ format the pool']);
});
