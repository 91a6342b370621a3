import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runPlan } from '../../src/steps/run-plan.ts';
import { showTree } from '../../src/steps/show-tree.ts';
import type { Plan, Step } from '../../src/steps/step.ts';

const step = (name: string, run: () => Promise<void> = async () => {}): Step => ({ name, deadlineMs: 60_000, run });

/** What a terminal shows at the end. */
async function lastFrame(plan: Plan): Promise<string[]> {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 40 });
  let text = '';
  terminal.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const observer = showTree(plan, terminal as unknown as NodeJS.WriteStream);
  await runPlan(plan, { signal: new AbortController().signal, observer, what: 'up two' }).catch(() => {});
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor and colours the text
  const plain = text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
  return plain
    .slice(plain.lastIndexOf('check the host') - 2)
    .trimEnd()
    .split('\n');
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
