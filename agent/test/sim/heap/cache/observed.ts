/** What those who live can see of the heap: every object that names, queues and their roots lead to, by offset, as one string. */
import { readNames } from '../../../../src/inspect/heap/inspect-names.ts';
import { readQueues } from '../../../../src/inspect/heap/inspect-queues.ts';
import { BlockNumbers, readSegments } from '../../../../src/inspect/heap/pages.ts';
import { eachRoot, referenceAt, referencesOf } from '../../../../src/inspect/heap/references.ts';
import { readShape } from '../../../../src/inspect/heap/shape.ts';
import { Problems } from '../../../../src/inspect/problems.ts';
import type { World } from '../../simulator.ts';

export function observed(world: World): string {
  world.settle();
  const bytes = world.poolBytes(0, world.poolSizeBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const problems = new Problems();
  const shape = readShape(view, world.poolSizeBytes, problems)!;
  const segments = readSegments(view, shape, problems);
  const blocks = new BlockNumbers(shape, segments);
  const objects = new Map<number, string>();
  const reach = (object: number): void => {
    if (object === 0 || objects.has(object)) return;
    const count = (view.getUint32(object + 4, true) >>> 8) & 0x3fff;
    const references = blocks.at(object) < 0 ? 0 : referencesOf(view, object, blocks.bytesAt(object));
    const held = Array.from({ length: references }, (_, index) => referenceAt(view, object, index));
    objects.set(object, `${object}x${count}[${held}]`);
    held.forEach(reach);
  };
  const names = readNames(view, shape).filter(({ object }) => object !== 0);
  for (const { object } of names) reach(object);
  const queues = readQueues(view, shape, problems);
  for (const { slots } of queues) slots.forEach(reach);
  eachRoot(view, segments, (_, object) => reach(object));
  return JSON.stringify({
    names: names.map(({ name, object }) => `${name}=${object}`),
    // A receiver that closed its side takes nothing more: how far it came is nobody's business.
    queues: queues.map(({ index, state, senderClosed, receiverClosed, waiting, slots }) =>
      receiverClosed ? `${index} closed` : `${index} ${state} ${senderClosed} ${waiting} [${slots}]`,
    ),
    objects: [...objects.values()].sort(),
  });
}
