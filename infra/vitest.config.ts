/**
 * The suffix of a test file is its price (docs/testing.md). Cheap groups run first; local and cluster tests run one file at a
 * time, because they share two cores and one Docker engine.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { makeTestFolder } from './test-folder.ts';

makeTestFolder();

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const suffixes = ['crash', 'interleave', 'local', 'cluster', 'browser'] as const;
const minuteMs = 60_000;
/** `make test-deep` tries twenty times as much. */
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;

function group(name: string, order: number, include: string[], options: { oneAtATime?: boolean; timeoutMs: number }) {
  return {
    test: {
      name,
      root,
      include,
      exclude: ['**/node_modules/**', ...(name === 'unit' ? suffixes.map((suffix) => `**/*.${suffix}.test.ts`) : [])],
      sequence: { groupOrder: order },
      testTimeout: options.timeoutMs * depth,
      hookTimeout: options.timeoutMs,
      pool: 'forks' as const,
      maxWorkers: options.oneAtATime ? 1 : 2,
      fileParallelism: !options.oneAtATime,
      env: { NO_COLOR: '1' },
    },
  };
}

export default defineConfig({
  test: {
    root,
    projects: [
      group('unit', 0, ['{agent,controller,infra}/**/*.test.ts'], { timeoutMs: minuteMs }),
      group('crash', 1, ['agent/test/**/*.crash.test.ts'], { timeoutMs: 2 * minuteMs }),
      group('interleave', 2, ['agent/test/**/*.interleave.test.ts'], { timeoutMs: 2 * minuteMs }),
      group('local', 3, ['{agent,controller}/test/**/*.local.test.ts', 'infra/**/*.local.test.ts'], {
        oneAtATime: true,
        timeoutMs: 2 * minuteMs,
      }),
      group('cluster', 4, ['controller/test/**/*.cluster.test.ts'], { oneAtATime: true, timeoutMs: 6 * minuteMs }),
      group('browser', 5, ['controller/test/**/*.browser.test.ts'], { oneAtATime: true, timeoutMs: 2 * minuteMs }),
    ],
    reporters: ['default', ['junit', { outputFile: `${root}/.runs/test/junit.xml` }], `${root}/infra/vitest-closing-line.ts`],
  },
});
