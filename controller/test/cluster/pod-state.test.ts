/** What a pod's folder says of it is read as what this version wrote, or refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PodState, readPodState, writePodState } from '../../src/cluster/pod-state.ts';
import { loadTopology } from '../../src/config/load-topology.ts';
import { exitCodes } from '../../src/errors/cxlpod-error.ts';

let podFolder: string;
beforeEach(() => {
  podFolder = mkdtempSync(join(tmpdir(), 'cxlpod-state-'));
});
afterEach(() => rmSync(podFolder, { recursive: true }));

const paths = () => ({ podFolder, poolFile: '', historyFile: '' });

function state(topology: string): PodState {
  return {
    ...{ version: 2, pod: 'mine', phase: 'up', startedAt: '2026-01-01T00:00:00Z' },
    ...{ topology: loadTopology(topology), environment: null, gate: null, bootRestarts: {} },
  };
}

test.each(['two', 'three-later', 'local'])('what was written of a pod of %s is read as it was', async (topology) => {
  await writePodState(paths(), state(topology));

  expect(await readPodState(paths())).toEqual(state(topology));
});

test.each([
  ['topology.device', ({ device: _, ...topology }: PodState['topology']) => topology],
  [
    'topology.pool.heap.coherence',
    ({ pool, ...topology }: PodState['topology']) => {
      const { coherence: _, ...heap } = pool.heap;
      return { ...topology, pool: { ...pool, heap } };
    },
  ],
])('a pod that an earlier version brought up, whose state has no %s, is refused with what to do', async (key, older) => {
  const { topology, ...rest } = state('two');
  writeFileSync(join(podFolder, 'state.json'), JSON.stringify({ ...rest, topology: older(topology) }));

  await expect(readPodState(paths())).rejects.toMatchObject({
    code: 'STATE_UNREADABLE',
    message: expect.stringContaining('another version of cxlpod'),
    cause: new Error(`it does not have ${key}`),
    hint: 'cxlpod down --name mine, then cxlpod up',
    exitCode: exitCodes.environment,
  });
});
