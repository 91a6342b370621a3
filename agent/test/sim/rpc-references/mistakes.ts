/** What could be done wrong with references in calls, each as a core that does it: the sweep must notice every one. */
import { codes } from '../../../src/layout/index.ts';
import type { Mistake } from './simulated-end.ts';

export const mistakes = {
  'the message goes before its references are in the queue': ({ shmPublish, rpcSend, rpcReply }) => {
    const unpublished: number[] = [];
    const after =
      (send: (...args: readonly number[]) => number) =>
      (...args: readonly number[]): number => {
        const code = send(...args);
        for (const queue of unpublished.splice(0)) shmPublish!(queue);
        return code;
      };
    // A publication that stays out for a while, as if the message had overtaken it.
    let sends = 0;
    return {
      shmPublish: (queue) => {
        unpublished.push(queue!);
        return codes.OK;
      },
      rpcSend: (...args) => (++sends % 2 === 0 ? after(rpcSend!)(...args) : rpcSend!(...args)),
      rpcReply: (...args) => after(rpcReply!)(...args),
    };
  },
  'a queue is not closed with its connection': () => ({ shmCloseQueue: () => codes.OK }),
  'a reference that moves is counted as well': ({ shmFill }) => ({ shmFill: (queue, root) => shmFill!(queue!, root!, 0) }),
  'a reference is received twice': ({ shmReceive, shmClone }) => {
    let last = 0;
    return {
      shmReceive: (queue) => {
        const root = shmReceive!(queue!) >>> 0;
        if (root < codes.CODE_LIMIT && last !== 0 && root === codes.PENDING) return last;
        if (root >= codes.CODE_LIMIT) last = shmClone!(root) >>> 0;
        return root;
      },
    };
  },
  'nothing that comes with a request is dropped': ({ shmDrop, rpcReply }) => {
    let replies = 0;
    return {
      rpcReply: (...args) => {
        replies++;
        return rpcReply!(...args);
      },
      // A server drops right after it replied.
      shmDrop: (root) => (replies > 0 ? codes.OK : shmDrop!(root!)),
    };
  },
} satisfies Record<string, Mistake>;

export type MistakeName = keyof typeof mistakes;
