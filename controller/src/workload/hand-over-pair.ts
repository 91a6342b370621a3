/** A sender and a receiver of `hand-over`, whoever fills their posts: what was begun when one of them died is begun anew by those who are there. */
import type { Tasks } from '@cxlpod/agent/protocol';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { orReplaced, type Tokens } from './heap-crew.ts';
import { wrongAnswer } from './kv-check.ts';
import type { WorkloadContext } from './workload.ts';

type Share = Omit<Tasks['hand-over']['parameters'], 'role' | 'peer' | 'tag' | 'mayLose'>;
type Handed = Tasks['hand-over']['result'];

export interface HandedOver {
  readonly sender: { readonly hand: Hand; readonly result: Handed };
  readonly receiver: { readonly hand: Hand; readonly result: Handed };
  /** How often somebody died in it. */
  readonly deaths: number;
}

const deadlineMs = 300_000;
/** A fault strikes once, and replaces whom it killed. */
const deathLimit = 100;

export class Pair {
  #sender: Hand;
  #receiver: Hand;

  constructor(sender: Hand, receiver: Hand) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** All structures of the share, from the first to the last, between two that live. */
  async handOver(context: WorkloadContext, share: Share, tokens: Tokens): Promise<HandedOver> {
    for (let deaths = 0; deaths < deathLimit; deaths++) {
      this.#sender = context.crew.handAt(this.#sender.post) ?? this.#sender;
      this.#receiver = context.crew.handAt(this.#receiver.post) ?? this.#receiver;
      const tag = tokens.next();
      const attempt = async (hand: Hand, role: 'sender' | 'receiver', peer: Hand, label: string) =>
        orReplaced(context, hand, (each) =>
          each.task('hand-over', { role, peer: peer.client, tag, mayLose: true, ...share }, { deadlineMs, label }),
        );
      const [sender, receiver] = await Promise.all([
        attempt(this.#sender, 'sender', this.#receiver, `send by ${share.manner}`),
        attempt(this.#receiver, 'receiver', this.#sender, 'receive'),
      ]);
      if (sender.result === null || receiver.result === null) continue;
      if (!sender.result.isLost && !receiver.result.isLost) {
        return {
          sender: { hand: sender.hand, result: sender.result },
          receiver: { hand: receiver.hand, result: receiver.result },
          deaths,
        };
      }
      throw wrongAnswer(
        `${sender.result.structures} of ${share.structures} structures were sent and ${receiver.result.structures} came, and nobody died`,
      );
    }
    const { worker, machine } = this.#sender.post;
    throw environmentError('TOO_MANY_DEATHS', `${worker} on ${machine} and its receiver were killed ${deathLimit} times`);
  }
}
