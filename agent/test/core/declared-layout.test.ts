/** The offsets that TypeScript is given are those that the compiler uses. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileCore } from '../../core/build.mjs';
import { readDeclarations } from '../../core/transform/declarations.mjs';
import { crashPoints } from '../../src/crash-points/index.ts';
import { constants, layout, layoutHash } from '../../src/layout/index.ts';
import { coreFolder } from './compiled-core.ts';

const declarations = readDeclarations(coreFolder);

describe('what asc computes', () => {
  let probe: Record<string, () => number | bigint>;

  beforeAll(async () => {
    const files = [...new Set(declarations.classes.map((each) => each.file))];
    const imports = files.map((file) => {
      const names = declarations.classes.filter((each) => each.file === file).map((each) => each.name);
      return `import { ${names.join(', ')} } from './layout/${file.replace('.ts', '')}';`;
    });
    const fields = declarations.classes.flatMap((each) =>
      each.fields.map(
        ({ name }) => `export function ${each.name}_${name}(): u32 { return <u32>offsetof<${each.name}>("${name}"); }`,
      ),
    );
    const sizes = declarations.classes.map(
      ({ name }) => `export function sizeof_${name}(): u32 { return <u32>offsetof<${name}>(); }`,
    );
    const text = [...imports, ...fields, ...sizes].join('\n');
    const bytes = await compileCore({ entry: 'probe.ts', extraFiles: { 'probe.ts': text } });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    probe = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports as typeof probe;
  });

  test('are the offsets of all fields and the sizes of all classes that were generated', () => {
    const generated: Record<string, number> = {};
    const compiled: Record<string, number | bigint> = {};
    for (const { name, fields, sizeBytes } of declarations.classes) {
      generated[name] = sizeBytes;
      compiled[name] = probe[`sizeof_${name}`]!();
      for (const field of fields) {
        generated[`${name}.${field.name}`] = field.offset;
        compiled[`${name}.${field.name}`] = probe[`${name}_${field.name}`]!();
      }
    }
    expect(compiled).toEqual(generated);
  });
});

test('a table of the pool begins on a line and does not reach into the next', () => {
  const { CLIENT_TABLE_OFFSET, CLIENT_COUNT, CLIENT_BYTES, DIRECTORY_OFFSET, DIRECTORY_COUNT, DIRECTORY_ENTRY_BYTES } = constants;
  const regions = [
    [constants.REGION_TABLE_OFFSET, constants.REGION_LIMIT * layout.Region.classBytes],
    [CLIENT_TABLE_OFFSET, CLIENT_COUNT * CLIENT_BYTES],
    [DIRECTORY_OFFSET, DIRECTORY_COUNT * DIRECTORY_ENTRY_BYTES],
    [constants.CLOCK_OFFSET, constants.CLOCK_BYTES],
    [constants.WORD_OFFSET, constants.WORD_BYTES],
    [constants.GATE_OFFSET, constants.GATE_BYTES],
    [constants.CONNECTIONS_OFFSET, constants.CONNECTION_COUNT * constants.CONNECTION_BYTES],
    [constants.BASELINE_OFFSET, constants.BASELINE_BYTES],
    [constants.STATISTICS_OFFSET, constants.CONNECTION_COUNT * constants.STATISTICS_CONNECTION_BYTES],
    [constants.CONTROL_BYTES, 0],
  ] as const;
  let end: number = layout.Superblock.classBytes;
  for (const [offset, sizeBytes] of regions) {
    expect(offset % constants.LINE_BYTES).toBe(0);
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + sizeBytes;
  }
});

test('a connection, a gate bank and a scratch block hold what is put into them', () => {
  expect(constants.RESPONSE_RING_OFFSET).toBeGreaterThanOrEqual(constants.REQUEST_RING_OFFSET + constants.RING_LIMIT * 8);
  expect(constants.REQUEST_ARENA_OFFSET).toBeGreaterThanOrEqual(constants.RESPONSE_RING_OFFSET + constants.RING_LIMIT * 8);
  expect(constants.RESPONSE_ARENA_OFFSET).toBe(constants.REQUEST_ARENA_OFFSET + constants.ARENA_BYTES);
  expect(constants.CONNECTION_BYTES).toBe(constants.RESPONSE_ARENA_OFFSET + constants.ARENA_BYTES);
  const defaultBytes = (constants.HEADER_BYTES + constants.DEFAULT_PAYLOAD_BYTES) * 2 ** constants.DEFAULT_WINDOW_LOG2;
  expect(constants.ARENA_BYTES).toBeGreaterThanOrEqual(defaultBytes);
  expect(constants.HEADER_BYTES + constants.PAYLOAD_LIMIT_BYTES).toBeLessThanOrEqual(constants.ARENA_BYTES);
  expect(2 ** constants.WINDOW_LOG2_LIMIT).toBe(constants.RING_LIMIT);
  expect(constants.GATE_COUNTERS_OFFSET).toBe(constants.GATE_MACHINE_LIMIT * constants.LINE_BYTES);
  expect(constants.GATE_BANK_BYTES).toBeGreaterThanOrEqual(
    constants.GATE_COUNTERS_OFFSET + (constants.GATE_FORBIDDEN + constants.LITMUS_COUNT) * constants.LINE_BYTES,
  );
  expect(constants.GATE_CELLS_OFFSET).toBeGreaterThanOrEqual(
    constants.GATE_BANKS_OFFSET + constants.GATE_BANK_COUNT * constants.GATE_BANK_BYTES,
  );
  expect(constants.GATE_BYTES).toBe(constants.GATE_CELLS_OFFSET + constants.GATE_CELL_COUNT * constants.GATE_CELL_BYTES);
  expect(layout.ThreadScratch.classBytes).toBeLessThanOrEqual(constants.SCRATCH_NAME_OFFSET);
  expect(layout.Handle.classBytes).toBeLessThanOrEqual(constants.HANDLE_BYTES);
  expect(constants.SCRATCH_HANDLES_OFFSET).toBeGreaterThanOrEqual(constants.SCRATCH_NAME_OFFSET + constants.NAME_LIMIT_BYTES);
  expect(constants.SCRATCH_THREAD_BYTES).toBeGreaterThanOrEqual(
    constants.SCRATCH_HANDLES_OFFSET + constants.HANDLE_COUNT * constants.HANDLE_BYTES,
  );
  expect(constants.SCRATCH_BYTES).toBe(
    constants.SCRATCH_THREADS_OFFSET + constants.THREAD_LIMIT * constants.SCRATCH_THREAD_BYTES,
  );
});

test("a connection's part of the statistics holds its lines, names and methods", () => {
  expect(constants.STATISTICS_NAMES_OFFSET).toBe(constants.STATISTICS_CALLER_LINE + constants.LINE_BYTES);
  expect(constants.METHOD_COUNTS_LIMIT).toBe(constants.KIND_LIMIT);
  expect(constants.STATISTICS_METHODS_OFFSET).toBe(
    constants.STATISTICS_NAMES_OFFSET + constants.METHOD_COUNTS_LIMIT * constants.METHOD_NAME_BYTES,
  );
  expect(layout.MethodCounts.bucket0.offset + constants.METHOD_BUCKET_COUNT * 4).toBe(constants.METHOD_COUNTS_BYTES);
  expect(constants.STATISTICS_CONNECTION_BYTES).toBe(
    constants.STATISTICS_METHODS_OFFSET + constants.METHOD_COUNTS_LIMIT * constants.METHOD_COUNTS_BYTES,
  );
});

test('the layout version is the hash of what is declared now', () => {
  expect(layoutHash).toBe(declarations.layoutVersion);
});

test('crash points have names and numbers of their own, and each stands in the core where it should', () => {
  expect(new Set(crashPoints.map((point) => point.name)).size).toBe(crashPoints.length);
  expect(new Set(crashPoints.map((point) => point.number)).size).toBe(crashPoints.length);
  expect(crashPoints.map(({ name, number }) => ({ name, number }))).toEqual(
    declarations.crashPoints.map(({ name, number }) => ({ name, number })),
  );
  const sources = readdirSync(coreFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(coreFolder, name), 'utf8'))
    .join('\n');
  // The loops of the echo do what single calls do, with what does not change between calls read once.
  const twice = ['CALL_AFTER_RESPONSE', 'SERVE_AFTER_SEE', 'SERVE_AFTER_TAKE', 'SERVE_AFTER_EXECUTE', 'SERVE_AFTER_PUBLISH'];
  for (const { constant } of declarations.crashPoints) {
    const times = twice.includes(constant) ? 2 : 1;
    expect({ [constant]: sources.split(`crashPoint(${constant})`).length - 1 }).toEqual({ [constant]: times });
  }
});
