/**
 * A mutant for every flush and every fence of the heap, each of which it leaves out, and the check that loses something without it.
 * In the shape of agent/test/sim/mutants.ts.
 */
import { constants } from '../../../../src/layout/index.ts';
import type { Scene } from '../operations.ts';
import { scenes } from '../operations.ts';
import { exactScenes, exploreAll } from './exact.ts';
import { firstRuns } from './first-runs.ts';
import { formatterIsLost } from './formatter.ts';
import { moreScenes } from './more-scenes.ts';
import { type Extent, type Plot, plots, type Run, sweep } from './sweep.ts';

type Check = (mutant: number) => readonly string[];

/** What a recoverer leaves out shows only when somebody died just before a flush. */
const atFlushes: Partial<Extent> = { atFlushes: true, recoveries: 30, rounds: 6 };

interface Where {
  readonly scene: string;
  readonly plot?: keyof typeof plots;
  readonly extent?: Partial<Extent>;
  readonly used?: boolean;
}

function sceneNamed(all: readonly Scene[], title: string): Scene {
  const found = all.find((scene) => scene.title === title);
  if (found === undefined) throw new Error(`there is no scene to ${title}`);
  return found;
}

const checks = new Map<string, Check>();

/** In which run a mutant was noticed: see first-runs.ts. */
export const foundRuns = new Map<number, Run>();

/** The name of a check that plays a scene, as far as its extent says. */
function lost({ scene, plot = 'split', extent = {}, used = false }: Where): string {
  const { title }: Plot = plots[plot];
  const name = `to ${scene}${used ? ', in used memory' : ''}: ${title}`;
  const whole = { seed: 1, deaths: 400, recoveries: 12, rounds: 4, ...extent };
  checks.set(name, (mutant) => {
    const played = sceneNamed([...moreScenes, ...scenes], scene);
    const [death, second, seed] = firstRuns[mutant] ?? [];
    const first = death === undefined ? undefined : { death, second: second!, seed: seed! };
    const { problems, found } = sweep(
      played,
      plots[plot],
      { ...whole, first },
      { flushPolicy: constants.FLUSH_HOST, mutant, used },
    );
    if (found !== undefined) foundRuns.set(mutant, found);
    return problems;
  });
  return name;
}

/** The name of a check that tries everything that the caches allow during one operation. */
function exactly(scene: string): string {
  const name = `to ${scene}, every outcome: its machine loses its power`;
  checks.set(
    name,
    (mutant) => exploreAll(sceneNamed(exactScenes, scene), { flushPolicy: constants.FLUSH_HOST, mutant }).problems,
  );
  return name;
}

function formatter(): string {
  const name = "the formatter's machine loses its power, with everybody on it";
  checks.set(name, formatterIsLost);
  return name;
}

export const flushMutants = [
  {
    number: 100,
    mistake: 'the witnessed era is not flushed',
    killedBy: lost({ scene: 'discount what a dead one was discounting' }),
  },
  { number: 101, mistake: 'the next era is not flushed', killedBy: lost({ scene: 'look at something, and leave' }) },
  {
    number: 102,
    mistake: 'the record is not flushed',
    killedBy: lost({ scene: 'use a root again for another object, and give that away' }),
  },
  {
    number: 103,
    mistake: 'the record that commits is not flushed',
    killedBy: lost({ scene: 'dispose of what somebody looks at', plot: 'together' }),
  },
  {
    number: 104,
    mistake: 'the record that commits is not fenced',
    killedBy: exactly('clear a named root'),
  },
  {
    number: 105,
    mistake: 'attach does not flush the word',
    killedBy: lost({ scene: 'use a root again for another object, and give that away' }),
  },
  { number: 106, mistake: 'attach does not fence the word from the slot', killedBy: exactly('attach') },
  { number: 107, mistake: 'attach does not flush the slot', killedBy: lost({ scene: 'attach as the first thing ever' }) },
  { number: 108, mistake: 'detach does not flush the word', killedBy: lost({ scene: 'look at something, and leave' }) },
  { number: 109, mistake: 'detach does not fence the word from the slot', killedBy: exactly('drop one root of several') },
  { number: 110, mistake: 'detach does not flush the slot', killedBy: lost({ scene: 'look at something, and leave' }) },
  {
    number: 111,
    mistake: 'the link of a corpse is not flushed',
    killedBy: lost({ scene: 'release a tree whose leaves others hold too' }),
  },
  {
    number: 112,
    mistake: 'the head of the dying list is not flushed',
    killedBy: lost({ scene: 'allocate and drop a large object, a run of pages' }),
  },
  { number: 113, mistake: 'change does not flush the new word', killedBy: lost({ scene: 'change a reference to and fro' }) },
  { number: 114, mistake: 'change does not fence the word from the slot', killedBy: exactly('change') },
  { number: 115, mistake: 'change does not flush the slot', killedBy: lost({ scene: 'change a reference to and fro' }) },
  { number: 116, mistake: 'release does not flush the word', killedBy: lost({ scene: 'attach and detach' }) },
  {
    number: 117,
    mistake: 'move does not flush the slot that it fills',
    killedBy: lost({ scene: 'open a queue, send copies and moves, close it' }),
  },
  {
    number: 118,
    mistake: 'move does not flush the slot that it empties',
    killedBy: lost({ scene: 'receive from a queue, pass it on, close it' }),
  },
  {
    number: 119,
    mistake: 'release does not flush the slot',
    killedBy: lost({ scene: 'discount what a dead one was discounting' }),
  },
  { number: 120, mistake: 'alloc does not flush the root', killedBy: lost({ scene: 'attach as the first thing ever' }) },
  {
    number: 121,
    mistake: 'alloc does not flush slots behind its first line',
    killedBy: lost({ scene: 'give away many references in an object of several lines', used: true }),
  },
  {
    number: 122,
    mistake: 'alloc does not flush the word',
    killedBy: lost({ scene: 'give away many references in an object of several lines' }),
  },
  {
    number: 123,
    mistake: 'the word of a run is not flushed before its page',
    killedBy: lost({ scene: 'allocate a large object as the first thing', used: true }),
  },
  {
    number: 124,
    mistake: 'the page of a run is not flushed',
    killedBy: lost({ scene: 'allocate and drop a large object, a run of pages' }),
  },
  {
    number: 125,
    mistake: 'the word of a huge object is not flushed before its page',
    killedBy: lost({ scene: 'allocate and drop a huge object, a run of segments', used: true }),
  },
  {
    number: 126,
    mistake: 'the page of a huge object is not flushed',
    killedBy: lost({ scene: 'allocate and drop a huge object, a run of segments' }),
  },
  {
    number: 127,
    mistake: 'a segment taken for a huge object is not flushed',
    killedBy: lost({ scene: 'look for a huge run where there is not room for it' }),
  },
  {
    number: 128,
    mistake: 'a segment that was taken in vain is not flushed',
    killedBy: lost({ scene: 'look for a huge run where there is not room for it' }),
  },
  {
    number: 129,
    mistake: 'the last drop does not flush the word',
    killedBy: lost({ scene: 'use a root again for another object, and give that away' }),
  },
  { number: 130, mistake: 'the last drop does not fence the word from the root', killedBy: exactly('drop the last root') },
  {
    number: 131,
    mistake: 'the last drop does not flush the root',
    killedBy: lost({ scene: 'use a root again for another object, and give that away' }),
  },
  {
    number: 132,
    mistake: 'a corpse off the dying list is not flushed',
    killedBy: lost({ scene: 'change a reference to and fro' }),
  },
  {
    number: 137,
    mistake: 'who takes a huge corpse does not flush that',
    killedBy: lost({ scene: 'give back a huge object of another client', extent: { rounds: 10 } }),
  },
  {
    number: 138,
    mistake: 'a tail of a huge corpse is not flushed before the others',
    killedBy: lost({ scene: 'allocate and drop a huge object, a run of segments' }),
  },
  {
    number: 139,
    mistake: "a huge corpse's page is not flushed before its segment",
    killedBy: lost({ scene: 'give back a huge object of another client', extent: { rounds: 40 } }),
  },
  {
    number: 142,
    mistake: 'cleared blocks are not flushed before their page',
    killedBy: lost({ scene: 'attach as the first thing ever', used: true }),
  },
  {
    number: 143,
    mistake: 'a page of blocks is not flushed',
    killedBy: lost({ scene: 'pass on a claimed name while others wait for it' }),
  },
  {
    number: 144,
    mistake: 'a freed page is not flushed before its segment',
    killedBy: lost({ scene: 'empty several segments, and give them back' }),
  },
  {
    number: 145,
    mistake: 'cleared roots are not flushed before their page',
    killedBy: lost({ scene: 'attach as the first thing ever', used: true }),
  },
  { number: 146, mistake: 'a page of roots is not flushed', killedBy: lost({ scene: 'look at something, and leave' }) },
  { number: 147, mistake: 'a claimed segment is not flushed', killedBy: lost({ scene: 'attach as the first thing ever' }) },
  {
    number: 150,
    mistake: 'an adopted segment is not flushed',
    killedBy: lost({ scene: 'adopt a segment with the first allocation' }),
  },
  {
    number: 151,
    mistake: "a queue's descriptor is not flushed before it is open",
    killedBy: lost({ scene: 'open a queue and fill it' }),
  },
  {
    number: 152,
    mistake: "a queue's tail is not flushed before it is open",
    killedBy: lost({ scene: 'open a queue that was used before, and send' }),
  },
  {
    number: 153,
    mistake: "a queue's head is not flushed before it is open",
    killedBy: lost({ scene: 'open a queue that was used before, and send' }),
  },
  {
    number: 154,
    mistake: 'an open queue is not flushed',
    killedBy: lost({ scene: 'open a queue that was used before, and send' }),
  },
  {
    number: 155,
    mistake: 'what was sent is not flushed',
    killedBy: lost({ scene: 'open a queue, send copies and moves, close it' }),
  },
  {
    number: 156,
    mistake: 'what was sent is not fenced before the caller is told',
    killedBy: exactly('move into a queue and publish'),
  },
  {
    number: 157,
    mistake: 'who leaves does not flush the queues',
    killedBy: lost({ scene: 'open a queue that was used before, and send', plot: 'atHome' }),
  },
  {
    number: 158,
    mistake: 'who closes does not flush the tail that others closed up to',
    killedBy: lost({ scene: 'send to a queue that is open', plot: 'atHome', extent: atFlushes }),
  },
  { number: 160, mistake: 'a claimed name is not flushed', killedBy: lost({ scene: 'attach as the first thing ever' }) },
  { number: 162, mistake: 'who joined is not flushed', killedBy: lost({ scene: 'join where somebody left' }) },
  { number: 163, mistake: 'the first era is not flushed', killedBy: lost({ scene: 'attach as the first thing ever' }) },
  {
    number: 164,
    mistake: 'a recoverer does not flush the era that it decides by',
    killedBy: lost({ scene: 'adopt a segment with the first allocation', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 165,
    mistake: 'a recoverer does not flush the record that it decides by',
    killedBy: lost({ scene: 'attach and detach', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 166,
    mistake: 'a recoverer does not flush the dying list that it found',
    killedBy: lost({ scene: 'release a tree whose leaves others hold too', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 167,
    mistake: 'a recoverer does not flush the word that it decides by',
    killedBy: lost({ scene: 'attach and detach', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 168,
    mistake: 'a recoverer does not fence what it decides by',
    killedBy: lost({ scene: 'attach and detach', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 169,
    mistake: 'a recoverer does not flush the slot that it repeats',
    killedBy: lost({ scene: 'attach and detach', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 170,
    mistake: 'a recoverer does not flush why a root refers to nothing',
    killedBy: lost({ scene: 'use a root again for another object, and give that away', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 171,
    mistake: 'who leaves a segment does not flush its pages',
    killedBy: lost({ scene: 'empty several segments, and give them back', plot: 'recoverer' }),
  },
  {
    number: 172,
    mistake: 'who leaves a segment does not flush that',
    killedBy: lost({ scene: 'leave with everything', plot: 'recoverer' }),
  },
  {
    number: 173,
    mistake: 'who leaves does not flush that it looks at nothing',
    killedBy: lost({ scene: 'look at something, and leave', plot: 'recoverer' }),
  },
  { number: 174, mistake: 'the formatter does not flush the tables', killedBy: formatter() },
  { number: 175, mistake: 'who opens the heap does not flush the superblock', killedBy: formatter() },
  {
    number: 176,
    mistake: 'a recoverer does not flush the segments that the dead gave away',
    killedBy: lost({ scene: 'give back a huge object of another client', plot: 'atHome', extent: atFlushes }),
  },
  {
    number: 177,
    mistake: 'a fence is granted before the client that it is for is on the device',
    killedBy: lost({ scene: 'join where somebody left', plot: 'atHome' }),
  },
  {
    number: 178,
    mistake: 'a recoverer does not flush the slot of a release',
    killedBy: lost({ scene: 'attach and detach', plot: 'atHome', extent: atFlushes }),
  },
  { number: 179, mistake: 'an open queue is not fenced before the caller is told', killedBy: exactly('open a queue') },
] as const satisfies readonly { readonly number: number; readonly mistake: string; readonly killedBy: string }[];

export const flushChecks: Readonly<Record<string, Check>> = Object.fromEntries(checks);
