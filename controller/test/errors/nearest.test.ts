import { expect, test } from 'vitest';
import { nearest } from '../../src/errors/nearest.ts';

test.each([
  ['pign', 'ping', ['pong', 'ping']],
  // Fewer letters differ from after-see.
  ['rpc/serve/after-exec', 'rpc/serve/after-execute', ['rpc/serve/after-see', 'rpc/serve/after-execute']],
  ['killworker', 'killWorker', ['killAgent', 'killWorker']],
  ['kill', null, ['killAgent', 'killWorker']],
  ['eclipse', null, ['freeze', 'slow']],
])('of %j the writer may have meant %j', (word, meant, candidates) => {
  expect(nearest(word, candidates)).toBe(meant);
});
