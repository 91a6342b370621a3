/** Who is in the client table. */
import { constants } from '../layout/index.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import type { Core } from './core.ts';

export interface SeenClient extends ClientIdentity {
  readonly machineNumber: number;
  readonly pid: number;
  /** Grows while its process lives; from 0. */
  readonly beats: number;
}

/** Everybody who has not left. What is told of one place may be of two who took turns in it: acts on it check again in one step. */
export function seeClients({ exports }: Core): readonly SeenClient[] {
  const clients: SeenClient[] = [];
  for (let id = 0; id < constants.CLIENT_COUNT; id++) {
    if (exports.clientState(id) === constants.CLIENT_FREE) continue;
    clients.push({
      id,
      incarnation: exports.clientIncarnation(id) >>> 0,
      machineNumber: exports.clientMachine(id),
      pid: exports.clientProcess(id),
      beats: exports.clientBeats(id) >>> 0,
    });
  }
  return clients;
}
