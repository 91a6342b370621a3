import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { CxlpodError, exitCodes } from '../../src/errors/cxlpod-error.ts';

const schema = z.strictObject({ a: z.unknown(), b: z.unknown(), hit: z.number().int().min(1).max(1000).optional() });
const read = (text: string) => parseYaml(schema, { text, fileName: 'mine.yaml', kind: 'scenario' });

function problems(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof CxlpodError)) throw error;
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: exitCodes.usage });
    return (error.cause as Error).message;
  }
  throw new Error('nothing was refused');
}

const ten = (value: string) => `[${Array(10).fill(value).join(', ')}]`;

test('an alias stands for what it names', () => {
  expect(read('a: &x [1]\nb: *x\n')).toEqual({ a: [1], b: [1] });
});

test.each([
  ['an alias of nothing', 'a: 1\nb: *x\n', 'line 2: *x names nothing: no &x stands before it'],
  ['an alias before its anchor', 'a: *x\nb: &x 1\n', 'line 1: *x names nothing'],
  ['an alias in what it names', 'a: &x\n  c: [1, *x]\nb: 1\n', 'line 2: *x stands in what it names'],
  [
    'aliases of aliases',
    `a:\n - &x ${ten('1')}\n - &y ${ten('*x')}\n - &z ${ten('*y')}\nb: *z\n`,
    'line 5: *z stands for too much',
  ],
  ['no text', '', 'it is empty'],
  ['comments alone', '# later\n', 'it is empty'],
  ['bytes that are no text', '\x7fELF\0\0', 'it is not a text'],
  ['two documents', 'a: 1\n---\nb: 2\n', 'line 2: a second document begins here'],
])('a file of %s is refused, and told where', (_, text, told) => {
  expect(problems(text)).toContain(told);
});

test('of a number beyond every limit, its own is told', () => {
  expect(problems('a: 1\nb: 1\nhit: 100000000000000000000\n')).toBe('line 3: hit: too big: expected number to be <=1000');
});
