import { constants, layout } from '../../layout/index.ts';
import { wordAt } from '../packed-words.ts';
import type { Problems } from '../problems.ts';
import { unpackQueueWord } from './packed-words.ts';
import type { HeapShape } from './shape.ts';

export interface InspectedQueue {
  readonly index: number;
  readonly state: 'opening' | 'open' | 'draining';
  readonly sender: number;
  readonly receiver: number;
  readonly senderClosed: boolean;
  readonly receiverClosed: boolean;
  /** 16 hexadecimal digits. */
  readonly tag: string;
  /** References that the receiver may take. */
  readonly waiting: number;
}

export interface QueueContent extends InspectedQueue {
  /** Every reference in it, sent or not. */
  readonly slots: readonly number[];
}

const states = [undefined, 'opening', 'open', 'draining'] as const;

/** Every queue that is not free. */
export function readQueues(view: DataView, shape: HeapShape, problems: Problems): readonly QueueContent[] {
  const queues: QueueContent[] = [];
  for (let index = 0; index < shape.queueCount; index++) {
    const at = shape.queuesOffset + index * shape.queueBytes;
    const word = unpackQueueWord(view.getBigUint64(at + layout.QueueState.word.offset, true));
    const tail = wordAt(view, at + constants.QUEUE_SENDER_LINE + layout.QueueSender.tail.offset);
    const filled = wordAt(view, at + constants.QUEUE_SENDER_LINE + layout.QueueSender.filled.offset);
    const head = wordAt(view, at + constants.QUEUE_RECEIVER_LINE + layout.QueueReceiver.head.offset);
    const slots: number[] = [];
    for (let slot = 0; slot < shape.queueCapacity; slot++) {
      const object = wordAt(view, at + constants.QUEUE_SLOTS_OFFSET + slot * 8);
      if (object !== 0) slots.push(object);
    }
    const state = states[word.state];
    const stamp = `${word.epoch} ${head} ${tail}`;
    if (state === undefined) {
      if (slots.length > 0) problems.add('leak', () => `queue ${index} is free and holds ${slots.length} references`, { stamp });
      continue;
    }
    // Whoever lives may be between a slot and its counter.
    const about = { stamp, passing: true };
    if (state === 'open' && !word.senderClosed && !word.receiverClosed && slots.length !== filled - head) {
      problems.add(
        'structure',
        () => `queue ${index} was filled ${filled} times and emptied ${head} times, and holds ${slots.length} references`,
        about,
      );
    }
    // Before it is open, they are those of its last use.
    if (state !== 'opening' && (tail > filled || head > tail)) {
      problems.add('structure', () => `queue ${index} has head ${head}, tail ${tail}, filled ${filled}`, about);
    }
    const tag = view.getBigUint64(at + constants.QUEUE_DESCRIPTOR_LINE + layout.QueueDescriptor.tag.offset, true);
    const { sender, receiver, senderClosed, receiverClosed } = word;
    queues.push({
      index,
      state,
      sender,
      receiver,
      senderClosed,
      receiverClosed,
      tag: tag.toString(16).padStart(16, '0'),
      waiting: Math.max(0, tail - head),
      slots,
    });
  }
  return queues;
}
