import { constants, layout } from '../layout/index.ts';
import type { InspectedService } from './inspect.ts';
import { serviceHash, unpackConnectionWord, unpackServiceWord } from './packed-words.ts';

/** Every service that was ever registered. */
export function inspectServices(view: DataView, problems: string[]): readonly InspectedService[] {
  const services: InspectedService[] = [];
  for (let index = 0; index < constants.DIRECTORY_COUNT; index++) {
    const at = constants.DIRECTORY_OFFSET + index * constants.DIRECTORY_ENTRY_BYTES;
    const hash = view.getBigUint64(at + layout.Service.nameHash.offset, true);
    const nameBytes = view.getBigUint64(at + layout.Service.nameBytes.offset, true);
    const word = unpackServiceWord(view.getBigUint64(at + layout.Service.connection.offset, true));
    if (hash === 0n) {
      if (nameBytes !== 0n || word.slotPlusOne !== 0) problems.push(`service ${index} has no hash but a name or a connection`);
      continue;
    }
    // A server died between hash and name; the next one of that name finishes it.
    if (nameBytes === 0n) {
      if (word.slotPlusOne !== 0) problems.push(`service ${index} has no name but a connection`);
      continue;
    }
    if (nameBytes > BigInt(constants.NAME_LIMIT_BYTES)) {
      problems.push(`service ${index} has a name of ${nameBytes} bytes`);
      continue;
    }
    const name = new DataView(view.buffer, view.byteOffset + at + constants.SERVICE_NAME_LINE, constants.NAME_LIMIT_BYTES);
    if (serviceHash(name, Number(nameBytes)) !== hash) problems.push(`service ${index} has a name that its hash does not fit`);
    inspectAnnouncement(view, index, word, problems);
    services.push({
      name: new TextDecoder().decode(new Uint8Array(name.buffer, name.byteOffset, Number(nameBytes)).slice()),
      connection: word.slotPlusOne === 0 ? null : word.slotPlusOne - 1,
      epoch: word.epoch,
    });
  }
  return services;
}

/** A service may name a connection that has moved on; never one that has not been there yet. */
function inspectAnnouncement(
  view: DataView,
  index: number,
  word: ReturnType<typeof unpackServiceWord>,
  problems: string[],
): void {
  if (word.slotPlusOne === 0) return;
  if (word.slotPlusOne > constants.CONNECTION_COUNT || word.reserved !== 0) {
    problems.push(`service ${index} names connection ${word.slotPlusOne - 1}, which does not exist`);
    return;
  }
  const at = constants.CONNECTIONS_OFFSET + (word.slotPlusOne - 1) * constants.CONNECTION_BYTES;
  const connection = unpackConnectionWord(view.getBigUint64(at + layout.ConnectionState.word.offset, true));
  if (word.epoch > connection.epoch) {
    problems.push(
      `service ${index} names epoch ${word.epoch} of connection ${word.slotPlusOne - 1}, which is in epoch ${connection.epoch}`,
    );
  }
}
