/** What is asked of a guest's MTRRs, and what of its answers is believed. */
import { describe, expect, test } from 'vitest';
import { naturalPieces, parseRegisters, setMemoryType } from '../../src/cluster/memory-type.ts';
import { formatError } from '../../src/errors/cxlpod-error.ts';
import type { Machine } from '../../src/provider/provider.ts';

const mebibyte = 2 ** 20;
const firmware = 'reg00: base=0x0c0000000 ( 3072MB), size= 1024MB, count=1: uncachable';
const over = (type: string): string => `reg01: base=0x110000000 ( 4352MB), size=  256MB, count=1: ${type}`;

/** Answers in turn, and remembers what it was asked. */
function guest(...answers: readonly { readonly exitCode?: number; readonly stdout?: string; readonly stderr?: string }[]) {
  const asked: string[] = [];
  const machine = {
    name: 'vm1',
    poolPath: '/dev/cxlpod-pool',
    exec: async (argv: readonly string[]) => {
      const answer = answers[asked.length]!;
      asked.push(argv.at(-1)!);
      return { exitCode: 0, stdout: '', stderr: '', ...answer };
    },
  } as unknown as Machine;
  return { machine, asked };
}

const device = `0x110000000\n${256 * mebibyte}\n${firmware}\n`;

describe('a range is covered by registers', () => {
  test('that are powers of two at multiples of themselves', () => {
    expect(naturalPieces({ base: 0x110000000, sizeBytes: 256 * mebibyte })).toEqual([
      { base: 0x110000000, sizeBytes: 256 * mebibyte },
    ]);
    expect(naturalPieces({ base: 0x110000000, sizeBytes: 768 * mebibyte }).map(({ sizeBytes }) => sizeBytes / mebibyte)).toEqual([
      256, 512,
    ]);
  });

  test('that are read as the kernel writes them', () => {
    expect(parseRegisters(`${device}${over('write-combining')}\n`)).toMatchObject([
      { base: 0xc0000000, sizeBytes: 1024 * mebibyte, type: 'uncachable' },
      { base: 0x110000000, sizeBytes: 256 * mebibyte, type: 'write-combining' },
    ]);
  });
});

describe('a memory type', () => {
  test('is written for the device, and counts when the guest shows it', async () => {
    const { machine, asked } = guest({ stdout: device }, { stdout: `${firmware}\n${over('uncachable')}\n` });

    expect(await setMemoryType(machine, 'uncacheable')).toEqual([over('uncachable')]);
    expect(asked[1]).toContain("echo 'base=0x110000000 size=0x10000000 type=uncachable' >/proc/mtrr");
  });

  test('that stands already is not written again', async () => {
    const { machine, asked } = guest(
      { stdout: `${device}${over('write-combining')}\n` },
      { stdout: `${over('write-combining')}\n` },
    );

    await setMemoryType(machine, 'write-combining');
    expect(asked[1]).toBe('cat /proc/mtrr');
  });

  test.each([
    {
      why: 'there is no /proc/mtrr',
      answers: [{ exitCode: 1, stdout: '0x110000000\n268435456\n', stderr: 'cat: /proc/mtrr: No such file or directory\n' }],
      because: 'cat: /proc/mtrr: No such file or directory',
    },
    {
      why: 'no register is free',
      answers: [{ stdout: device }, { exitCode: 1, stderr: 'sh: 1: echo: echo: I/O error\n' }],
      because: "the guest's kernel refuses a register: sh: 1: echo: echo: I/O error",
    },
    {
      why: 'the kernel takes it and does nothing',
      answers: [{ stdout: device }, { stdout: `${firmware}\n` }],
      because: 'the guest shows no register for 0x10000000 bytes at 0x110000000',
    },
    {
      why: 'another type lies over it',
      answers: [{ stdout: device }, { stdout: `${over('uncachable')}\n${over('write-combining')}\n` }],
      because: `another register is over it: ${over('write-combining')}`,
    },
  ])('is told with because and try when it cannot be set: $why', async ({ answers, because }) => {
    const { machine } = guest(...answers);

    const error = await setMemoryType(machine, 'uncacheable').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MEMORY_TYPE_NOT_SET', exitCode: 3 });
    const [what, why, hint] = formatError(error).split('\n');
    expect(what).toBe('error: the device of vm1 cannot be made uncacheable');
    expect(why).toBe(`  because: ${because}`);
    expect(hint).toMatch(/^ {2}try: .*CONFIG_MTRR/);
  });
});
