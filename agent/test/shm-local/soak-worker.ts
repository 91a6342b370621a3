/** A process of its own that works in the heap until it is killed: the other end of soak.local.test.ts. Several clients, in turn. */
import { crashPointName } from '../../src/crash-points/index.ts';
import { codes } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import { arm, instantiateCore, introduceTo, type MapOptions, mapPool } from '../../src/pool/pool.ts';
import { operationNames, RandomClient, randomNumbers } from './random-client.ts';
import { commandOffset, commands, Line, lineLimit, pauseOffsetOf, pauseWord, warm, working } from './soak-lines.ts';

export interface Part {
  readonly files: MapOptions;
  /** Whose death ends this process as well. */
  readonly parent: number;
  readonly line: number;
  readonly machineNumber: number;
  readonly clients: number;
  readonly looks: boolean;
  readonly seed: number;
}

/** Nobody waits for a soak that has ended. */
const deadlineNs = 120_000_000_000;

const part = JSON.parse(process.argv[2]!) as Part;
const addon = native();
if (!addon.setParentDeathSignal(part.parent)) process.exit(0);
const mapped = mapPool(part.files);

// Whoever dies at a crash point notes what the others are doing at that moment.
const { die } = addon;
addon.die = () => {
  for (const other of others) own.noteOther(other.number, other.get('operation'));
  own.set('seen', 1);
  return die();
};
const cores = Array.from({ length: part.clients }, (_, thread) => instantiateCore(mapped, { thread }));
const first = cores[0]!;
const own = new Line(first, part.line);
const others = Array.from({ length: lineLimit }, (_, number) => new Line(first, number)).filter(
  ({ number }) => number !== part.line,
);
const pause = pauseWord(first);
const random = randomNumbers(part.seed);
const clients = cores.map((core) => new RandomClient(core, { ...part, random }));
for (const core of cores) introduceTo(core, part);

own.set('state', warm);
if (!addon.waitWhile(first.bytes, commandOffset(first, part.line), 0n, deadlineNs)) process.exit(0);
own.set('done', own.get('command'));
own.set('state', working);
own.set('operation', operationNames.indexOf('leave-and-join'));
for (const client of clients) client.join();
own.set('operation', 0);

for (let operations = 1; ; operations++) {
  const client = clients[Math.floor(random() * clients.length)]!;
  const operation = client.next();
  own.set('operation', operationNames.indexOf(operation));
  client.perform(operation);
  own.set('operation', 0);
  own.set('operations', operations);
  if (own.get('command') !== own.get('done')) obey();
  const paused = Atomics.load(pause, 0);
  if (paused % 2 === 1) {
    own.set('paused', paused);
    if (!addon.waitWhile(first.bytes, pauseOffsetOf(first), BigInt(paused), deadlineNs)) throw new Error('paused for ever');
  }
}

function obey(): void {
  const number = own.get('command');
  const [kind, one, two] = [own.get('kind'), own.get('first'), own.get('second')];
  if (kind === commands.arm)
    for (const core of cores) arm(core, one === 0 ? undefined : { point: crashPointName(one)!, hit: two });
  if (kind === commands.recover) {
    own.set('operation', operationNames.indexOf('recover'));
    let answer = first.exports.recoverClient(one, two);
    for (let tries = 0; answer === codes.IN_PROGRESS && tries < 1_000_000; tries++)
      answer = first.exports.recoverClient(one, two);
    own.set('answer', answer);
    own.set('operation', 0);
  }
  own.set('done', number);
}
