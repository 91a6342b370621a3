/** What the crew of a run makes of its posts, with an agent that says what a test wants. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod } from '../../src/cluster/pod.ts';
import { Crew } from '../../src/runs/crew/crew.ts';
import type { Hand } from '../../src/runs/crew/hand.ts';
import { Journal, readJournal } from '../../src/runs/journal.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { Timeline } from '../../src/traces/timeline.ts';
import { AgentDouble } from '../doubles/agent.ts';

const post = { machine: 'vm1', worker: 'client-1' };
const disarmed = { next: () => null, again: () => null };

let runs: string;
let folder: RunFolder;
let agent: AgentDouble;
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'cxlpod-crew-'));
  folder = RunFolder.create(runs, 'crew', new Date());
  agent = new AgentDouble('vm1');
});
afterEach(() => rmSync(runs, { recursive: true, force: true }));

function crewOf(): Crew {
  const machine = { machine: { name: 'vm1' }, agent };
  const pod = { topology: { machines: ['vm1'] }, machines: [machine], machine: () => machine, onAdmitted: () => () => {} };
  return new Crew(pod as unknown as Pod, new Timeline(), disarmed, { journal: new Journal(folder), mutant: undefined });
}

const idle = (hand: Hand) => hand.task('clock', { role: 'server', rounds: 1 }, { deadlineMs: 1_000 });

test('a task for a worker that was replaced goes to the one that fills its post by now', async () => {
  const crew = crewOf();
  const first = await crew.hire(post);
  agent.end(first);
  const second = await crew.restart(post);
  expect(second.pid).not.toBe(first.pid);

  await expect(idle(first)).resolves.toEqual(agent.answer);

  expect(agent.asked.at(-1)).toMatchObject({ request: 'runTask', parameters: { worker: 'client-1', task: 'clock' } });
  expect(readJournal(folder).hires.map(({ tasks }) => tasks.length)).toEqual([1, 0]);
});

test('a task that could not even be sent fails for whoever goes on with the run too, and the next one is the next', async () => {
  const hand = await crewOf().hire(post);
  agent.sends = false;
  await expect(idle(hand)).rejects.toMatchObject({ code: 'CHANNEL_LOST' });
  agent.sends = true;
  await idle(hand);
  const { hires, dismissed } = readJournal(folder);
  const asked = agent.asked.length;

  const other = crewOf();
  await other.resume({ hires, dismissed, memory: { exits: [], boots: {}, restarts: 0 } }, []);
  const again = await other.hire(post);

  expect(again.pid).toBe(hand.pid);
  await expect(idle(again)).rejects.toMatchObject({ code: 'CHANNEL_LOST' });
  await expect(idle(again)).resolves.toEqual(agent.answer);
  expect(agent.asked).toHaveLength(asked);
});
