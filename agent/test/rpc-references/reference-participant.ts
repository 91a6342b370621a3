/**
 * A process of its own that makes or serves calls with references until it is killed, or told that its other side was: the other end of
 * references.local.test.ts. Its role is its first argument.
 */
import { native } from '../../src/pool/native.ts';
import { type ArmedCrash, type Core, instantiateCore, joinPool, type MapOptions, mapPool } from '../../src/pool/pool.ts';
import {
  connectService,
  defineService,
  type HeapArguments,
  heap as heapMethod,
  json,
  RpcError,
  serve,
} from '../../src/rpc/index.ts';
import { type HeapClient, openHeap, type Ref } from '../../src/shm/index.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly crash?: ArmedCrash;
}

/** What a participant says, in this order. */
export type Said = { readonly calls: number } | { readonly end: string; readonly forgotten: number };

/** Beside each other on one connection: references in both directions, and an ordinary method. */
const service = defineService('references', {
  methods: {
    edit: heapMethod({ takes: 2, gives: 2 }),
    later: { payload: heapMethod({ takes: 2, gives: 2 }), handler: 'background' },
    double: json<number, number>(),
  },
});

const deadlineMs = 60_000;
/** It says how far it is every so many calls. */
const sayEvery = 200;

function say(said: Said): void {
  process.send!(said);
}

function numbered(heap: HeapClient, number: number): Ref {
  const ref = heap.alloc(8 + (number % 100), 1);
  ref.view.setUint32(0, number);
  return ref;
}

const roles = {
  /** Copies, moves, large messages, several in flight, references that come back. Throws what ends it. */
  caller: async (heap: HeapClient, core: Core) => {
    using caller = connectService(core, service, { heap, deadlineMs, reconnect: false });
    for (let number = 0; ; number++) {
      if (number % sayEvery === 0) say({ calls: number });
      using parent = numbered(heap, number);
      using child = numbered(heap, number + 1);
      parent.attach(0, child);
      const bytes = new Uint8Array(number % 3 === 0 ? 500 : 8).fill(number & 255);
      const request = { bytes, refs: [parent, child] as const, move: number % 2 === 0 };
      const method = number % 5 === 0 ? 'later' : 'edit';
      const answers = number % 7 === 0 ? [caller.call('double', number), caller.call('double', 1)] : [];
      // When the server is killed nobody awaits them.
      for (const each of answers) each.catch(() => undefined);
      const answer = number % 4 === 0 ? await caller.call(method, request, { copy: true }) : caller.callSync(method, request);
      const numbers = answer.refs.map(({ view }) => view.getUint32(0));
      for (const ref of answer.refs) ref.drop();
      if (
        numbers.join() !== [number, 2 * number].join() ||
        answer.bytes[0] !== (number & 255) ||
        answer.bytes.length !== bytes.length
      )
        throw new Error(`call ${number} was answered with ${numbers.join()} and ${answer.bytes.length} bytes`);
      if (answers.length > 0 && (await Promise.all(answers)).join() !== [2 * number, 2].join())
        throw new Error(`beside call ${number} values are wrong`);
    }
  },
  server: async (heap: HeapClient, core: Core) => {
    let served = 0;
    const edit = ({ bytes, refs: [parent] }: HeapArguments<2>) => {
      if (served++ % sayEvery === 0) say({ calls: served });
      // Edited in place: the child is exchanged.
      using added = numbered(heap, 7);
      parent.change(0, added);
      return { bytes, refs: [parent, numbered(heap, 2 * parent.view.getUint32(0))] as const };
    };
    const later = async (request: HeapArguments<2>) => {
      await new Promise((resolve) => setImmediate(resolve));
      return edit(request);
    };
    using server = serve(
      core,
      service,
      { edit, later, double: (value) => 2 * value },
      { heap, payloadBytes: 64, maxConnections: 1 },
    );
    const stop = new AbortController();
    const end = server.runAsync(stop.signal);
    while (server.counters.lost + server.counters.hungUp === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await end;
    throw new RpcError(server.counters.lost === 1 ? 'PEER_LOST' : 'CLOSED', 'the caller is gone');
  },
} as const;

export type Role = keyof typeof roles;

const role = process.argv[2] as Role;
const part = JSON.parse(process.argv[3]!) as Part;
native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) });
joinPool(core, part);
const heap = openHeap(core);
try {
  await roles[role](heap, core);
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  say({ end: error.code, forgotten: heap.close() });
}
process.disconnect();
