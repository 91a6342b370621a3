import { constants, layout } from '../layout/index.ts';
import type { InspectedClient } from './inspect.ts';
import { unpackClientWord } from './packed-words.ts';

/** Every slot of the client table that is or was in use. */
export function inspectClients(view: DataView, problems: string[]): readonly InspectedClient[] {
  const clients: InspectedClient[] = [];
  for (let id = 0; id < constants.CLIENT_COUNT; id++) {
    const at = constants.CLIENT_TABLE_OFFSET + id * constants.CLIENT_BYTES;
    const word = unpackClientWord(view.getBigUint64(at + constants.CLIENT_STATE_LINE + layout.ClientState.word.offset, true));
    const fence = view.getBigUint64(at + constants.CLIENT_FENCE_LINE + layout.ClientFence.incarnation.offset, true);
    const beats = view.getBigUint64(at + constants.CLIENT_HEARTBEAT_LINE + layout.ClientHeartbeat.beats.offset, true);
    const state = (['free', 'joining', 'joined', 'leaving'] as const)[word.state];
    if (state === undefined) {
      problems.push(`client ${id} is in state ${word.state}, which does not exist`);
      continue;
    }
    if (state === 'free' && (word.machine !== 0 || word.process !== 0)) problems.push(`client ${id} is free but names a process`);
    if (state !== 'free' && (word.machine === 0 || word.process === 0))
      problems.push(`client ${id} is taken but names no process`);
    if (state !== 'free' && word.incarnation === 0) problems.push(`client ${id} is taken in incarnation 0, which does not exist`);
    if (fence > BigInt(word.incarnation)) {
      problems.push(`client ${id} is fenced up to incarnation ${fence}, but was never more than ${word.incarnation}`);
    }
    if (state !== 'free' && fence >= BigInt(word.incarnation)) {
      problems.push(`client ${id}, incarnation ${word.incarnation}, is fenced and not recovered`);
    }
    if (word.incarnation === 0 && fence === 0n) continue;
    clients.push({
      id,
      incarnation: word.incarnation,
      state,
      machine: word.machine,
      pid: word.process,
      heartbeat: Number(beats),
      fencedIncarnation: Number(fence),
    });
  }
  return clients;
}
