/**
 * Readers beside a writer of the same bucket: in every schedule of short programs, and in random ones of long programs, each key is
 * linearizable, no memory changes under a reader, and the heap is whole.
 */
import { describe, expect, test } from 'vitest';
import { codes } from '../../../src/layout/index.ts';
import { burying, isDeep } from '../heap/deaths.ts';
import { heapClient } from '../heap/heap-world.ts';
import { explore, firstSeed, prepared } from '../schedules.ts';
import { call, type Program, type World } from '../simulator.ts';
import { everySchedule, forgedBytes, problemsIn, randomly, type Story, stories, worldOf } from './kv-checks.ts';
import { reads } from './kv-world.ts';
import { type Playing, playing } from './programs.ts';

const a = 5;
const seed = firstSeed(1);

describe('in every schedule of', () => {
  test.each(stories)('$title', (story) => {
    const { problems, schedules, ends } = everySchedule(story);
    expect(problems).toEqual([]);
    expect(ends).toBeGreaterThan(10);
    expect(schedules).toBeGreaterThan(ends);
  });
});

test('a writer may die at any moment of it: readers go on, and an heir takes over', () => {
  const story: Story = { ...stories[0]!, writes: [{ act: 'put', key: a, version: 2 }] };
  const kv = worldOf(story, 0);
  const heir = reads(heapClient(kv.world, 4));
  const notes: string[] = [];
  const how: Playing = { note: (problem) => notes.push(problem) };
  function* inherit(world: World): Program {
    yield* burying(world, [kv.writer.client], (problem) => notes.push(problem));
    const code = yield call('kvClaim', heir.store, 0);
    if (code !== codes.OK) notes.push(`the heir's claim was answered ${code}`);
    // Adds nothing to the writer's death and the reader but schedules.
    if (isDeep) yield* playing(heir, [{ act: 'put', key: a, version: 5 }], how);
  }
  const { problems, ends } = explore(
    prepared(
      () => kv.world,
      () => {
        notes.length = 0;
      },
    ),
    () => {
      kv.writer.client.start(playing(kv.writer, story.writes, how));
      kv.reader.client.start(playing(kv.reader, [{ act: 'get', key: a }], how));
    },
    () => [...notes, ...problemsIn(kv)],
    { crashes: [{ client: kv.writer.client.index, onCrash: (world) => heir.client.start(inherit(world)) }] },
  );
  expect(problems).toEqual([]);
  expect(ends).toBeGreaterThan(100);
});

test(`in random schedules of a writer and two readers, with all bytes of the values (seed ${seed})`, () => {
  expect(randomly(300)).toEqual([]);
});

test('bytes that were a node are not taken for one while a reader stands there', () => {
  expect(forgedBytes(0)).toEqual([]);
});

test('a program that links a node before it has written the value is noticed', () => {
  expect(randomly(300, { writesLate: true })).not.toEqual([]);
});
