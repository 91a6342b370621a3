/** A process of its own that serves or calls, waiting as it is told: the other end of waiting.local.test.ts. */
import { native } from '../../src/pool/native.ts';
import { instantiateCore, joinPool, leavePool, type MapOptions, mapPool } from '../../src/pool/pool.ts';
import { connect } from '../../src/rpc/caller.ts';
import { listen, serveUntilClosed } from '../../src/rpc/server.ts';
import { Waiter, type WaitingStrategy } from '../../src/rpc/wait.ts';

export interface Part {
  readonly role: 'serve' | 'serve-two' | 'call';
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly service: string;
  readonly waiting: WaitingStrategy;
}

/** Answered with the CPU time of the process so far, in us. */
export const askCpu = 1;
export const callsEach = 300;
const deadlineMs = 60_000;

const part = JSON.parse(process.argv[2]!) as Part;
native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0 });
joinPool(core, { machineNumber: part.machineNumber });
process.send!(part.role === 'serve' ? serve() : part.role === 'serve-two' ? serveTwo() : call());
leavePool(core);

function handler(request: Uint8Array, response: Uint8Array, method: number): number {
  if (method !== askCpu) {
    response.set(request);
    return request.length;
  }
  const { user, system } = process.cpuUsage();
  new DataView(response.buffer, response.byteOffset, 8).setFloat64(0, user + system, true);
  return 8;
}

function serve(): string {
  using server = listen(core, part.service, { waiting: part.waiting });
  return serveUntilClosed(server, { handler, deadlineMs });
}

function serveTwo(): number {
  const servers = ['one', 'two'].map((name) => listen(core, name));
  const waiter = new Waiter(core, { strategy: part.waiting });
  const deadline = performance.now() + deadlineMs;
  const open = new Set(servers);
  while (open.size !== 0 && performance.now() < deadline) {
    let hasWorked = false;
    for (const server of open) {
      const state = server.poll(handler, Math.min(waiter.looks, 64));
      if (state === 'served') hasWorked = true;
      else if (state === 'closed') open.delete(server);
    }
    if (hasWorked) waiter.worked();
    else waiter.idle(deadline - performance.now());
  }
  for (const server of servers) server.close();
  return servers.reduce((sum, { served }) => sum + served, 0);
}

function call(): number {
  using connection = connect(core, part.service, { deadlineMs, waiting: part.waiting });
  let right = 0;
  for (let number = 0; number < callsEach; number++) {
    const request = Uint8Array.of(number, number >> 8, part.machineNumber);
    if (Buffer.from(connection.callSync(request, { deadlineMs })).equals(request)) right++;
  }
  return right;
}
