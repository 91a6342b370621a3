import { constants, layout } from '../layout/index.ts';
import type { InspectedClient } from './inspect.ts';
import { unpackClientWord, unpackRecoveryClaim, wordAt } from './packed-words.ts';
import type { Problems } from './problems.ts';

const states = ['free', 'joining', 'joined', 'leaving'] as const;

/** Every slot of the client table that is or was in use. */
export function inspectClients(view: DataView, problems: Problems): readonly InspectedClient[] {
  const clients: InspectedClient[] = [];
  const wrong = (sentence: string): void => problems.add('structure', () => sentence);
  for (let id = 0; id < constants.CLIENT_COUNT; id++) {
    const at = constants.CLIENT_TABLE_OFFSET + id * constants.CLIENT_BYTES;
    const word = unpackClientWord(view.getBigUint64(at + constants.CLIENT_STATE_LINE + layout.ClientState.word.offset, true));
    const fenceLine = at + constants.CLIENT_FENCE_LINE;
    const fence = wordAt(view, fenceLine + layout.ClientFence.incarnation.offset);
    const claim = unpackRecoveryClaim(view.getBigUint64(fenceLine + layout.ClientFence.recoverer.offset, true));
    const state = states[word.state];
    if (state === undefined) {
      wrong(`client ${id} is in state ${word.state}, which does not exist`);
      continue;
    }
    const { incarnation, machine, process: pid } = word;
    if (state === 'free' && (machine !== 0 || pid !== 0)) wrong(`client ${id} is free but names a process`);
    if (state !== 'free' && (machine === 0 || pid === 0)) wrong(`client ${id} is taken but names no process`);
    if (state !== 'free' && incarnation === 0) wrong(`client ${id} is taken in incarnation 0, which does not exist`);
    if (fence > incarnation) wrong(`client ${id} is fenced up to incarnation ${fence}, but was never more than ${incarnation}`);
    if (state !== 'free' && fence >= incarnation) {
      problems.add('not-recovered', () => `client ${id}, incarnation ${incarnation}, is fenced and not recovered`);
    }
    if (incarnation === 0 && fence === 0) continue;
    const isClaimed = state !== 'free' && claim.recovererPlusOne !== 0 && claim.deadIncarnation === (incarnation & 0x3fffff);
    clients.push({
      id,
      incarnation,
      state,
      machine,
      pid,
      heartbeat: wordAt(view, at + constants.CLIENT_HEARTBEAT_LINE + layout.ClientHeartbeat.beats.offset),
      fencedIncarnation: fence,
      suspectedIncarnation: wordAt(view, fenceLine + layout.ClientFence.suspected.offset),
      recoverer: isClaimed ? { id: claim.recovererPlusOne - 1, incarnation: claim.recovererIncarnation } : null,
    });
  }
  return clients;
}
