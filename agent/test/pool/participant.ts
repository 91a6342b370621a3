/** A process of its own that takes part in a pool: the other end of processes.local.test.ts. Its role is its first argument. */
import { constants } from '../../src/layout/index.ts';
import { askClock, serveClock } from '../../src/pool/clock.ts';
import { runGate } from '../../src/pool/gate.ts';
import { native } from '../../src/pool/native.ts';
import {
  type ArmedCrash,
  type Core,
  formatPool,
  instantiateCore,
  joinPool,
  leavePool,
  type MapOptions,
  mapPool,
  startHeartbeat,
} from '../../src/pool/pool.ts';
import { pingWord, pongWord, stopWord } from '../../src/pool/word.ts';
import type { ClientIdentity } from '../../src/protocol/messages.ts';
import { type Handler, listen, serveUntilClosed } from '../../src/rpc/index.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly crash?: ArmedCrash;
}

const deadlineMs = 60_000;

const roles = {
  echo: (core: Core) => serve(core, 'echo'),
  javascript: (core: Core) =>
    serve(core, (request, response) => {
      if (request.length === 13) throw new Error('thirteen');
      response.set(request);
      return request.length;
    }),
  gate: (core: Core, part: Part) =>
    runGate(core, { machines: 2, machineNumber: part.machineNumber, iterations: 40_000, deadlineMs }),
  'answer-clock': (core: Core) => serveClock(core, { deadlineMs }),
  'ask-clock': (core: Core) => askClock(core, { rounds: 200, deadlineMs }),
  pong: (core: Core) => pongWord(core, { deadlineMs }),
  ping: (core: Core) => {
    pingWord(core, { rounds: 1_000, deadlineMs });
    stopWord(core);
  },
  beat: (core: Core, _part: Part, self: ClientIdentity) => {
    const beats = (): bigint => heartbeatOf(core, self);
    const heartbeat = startHeartbeat(core.mapped, self, { intervalMs: 100 });
    const before = beats();
    // Blocks this thread, as a long garbage collection would.
    while (beats() < before + 3n) native().waitWhile(core.pool, heartbeatOffset(self), beats(), 1_000_000_000);
    heartbeat.stop();
    return Number(beats() - before);
  },
} as const;

export type Role = keyof typeof roles;

function serve(core: Core, handler: Handler | 'echo') {
  const server = listen(core, 'service');
  const end = serveUntilClosed(server, { handler, deadlineMs });
  server.close();
  return { end, served: server.served, refused: server.refused };
}

function heartbeatOffset({ id }: ClientIdentity): number {
  return constants.CLIENT_TABLE_OFFSET + id * constants.CLIENT_BYTES + constants.CLIENT_HEARTBEAT_LINE;
}

function heartbeatOf(core: Core, self: ClientIdentity): bigint {
  return Atomics.load(new BigUint64Array(core.mapped.memory.buffer), (core.mapped.poolBase + heartbeatOffset(self)) / 8);
}

const role = process.argv[2] as Role;
const part = JSON.parse(process.argv[3]!) as Part;
native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) });
formatPool(core, part);
const self = joinPool(core, part);
const result = roles[role](core, part, self) ?? null;
leavePool(core);
process.send!(result);
