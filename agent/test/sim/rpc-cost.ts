/**
 * What a call costs at the device, counted in the model of caches: misses of either side in steady state, caller and server on two machines of a
 * coherent device. A miss is what somebody has to wait for; the write-back that it brings about where the line is dirty is part of it.
 */
import { constants } from '../../src/layout/index.ts';
import { connectTo, listenAs, type Shape } from './calls.ts';
import { type WriteBackMemory, writeBackMemory } from './memory/write-back.ts';
import { call, type Program, type SimulatedClient, World } from './simulator.ts';

export interface CallCost {
  /** Of one call, on average. */
  readonly serverMisses: number;
  readonly callerMisses: number;
  readonly writeBacks: number;
  /** Past the caches. */
  readonly direct: number;
}

const windowLog2 = 4;
const looks = 1_000_000;
/** Four laps, until every line is where it stays; then as many that are counted. */
const calls = 4 << windowLog2;

export function costOfCall(layout: number, options: { readonly payloadBytes?: number; readonly depth?: number } = {}): CallCost {
  const { payloadBytes = 64, depth = 1 } = options;
  // Stores leave their buffers at once and no line comes or goes by itself: what is counted is the calls' own.
  const world = new World({ memory: writeBackMemory({ profile: 'COH', seed: 1, drainChance: 1, cacheChance: 0 }) });
  const [server, caller] = [world.client(1), world.client(2)];
  server.core.format(1, server.process, 0, 0);
  for (const client of [server, caller]) client.core.join(client.machine, client.process, 0);
  const shape: Shape = { windowLog2, payloadBytes: Math.max(64, payloadBytes), layout };
  const serving = listenAs(server, 'cost', shape);
  const calling = connectTo(caller, 'cost');
  const exchange = (): void => {
    const answers: number[] = [];
    server.start(asking(answers, 'rpcServeLoop', serving, calls, looks));
    caller.start(asking(answers, 'rpcCallBatch', calling, calls, payloadBytes, depth, looks));
    takeTurns(server, caller);
    if (answers.length !== 2 || answers.some((code) => code !== 0)) throw new Error(`the calls ended with codes ${answers}`);
  };
  exchange();
  const memory = world.memory as WriteBackMemory;
  const before = [server, caller].map(({ index }) => ({ ...memory.deviceAccesses(index) }));
  exchange();
  const [ofServer, ofCaller] = [server, caller].map(({ index }, side) => {
    const after = memory.deviceAccesses(index);
    const { misses, writeBacks, direct } = before[side]!;
    return { misses: after.misses - misses, writeBacks: after.writeBacks - writeBacks, direct: after.direct - direct };
  });
  return {
    serverMisses: ofServer!.misses / calls,
    callerMisses: ofCaller!.misses / calls,
    writeBacks: (ofServer!.writeBacks + ofCaller!.writeBacks) / calls,
    direct: (ofServer!.direct + ofCaller!.direct) / calls,
  };
}

/** Of a call that nobody else is in the way of: it waits for each of them. */
export function accessesOf({ serverMisses, callerMisses, direct }: CallCost): number {
  return serverMisses + callerMisses + direct;
}

function* asking(answers: number[], name: 'rpcServeLoop' | 'rpcCallBatch', ...values: number[]): Program {
  answers.push(yield call(name, ...(values as [number, number, number, number, number])));
}

/** An access each, as two machines of the same speed. */
function takeTurns(...clients: readonly SimulatedClient[]): void {
  while (clients.some((client) => client.isRunning)) {
    for (const client of clients) if (client.isRunning) client.step();
  }
}

const layouts = [
  { layout: constants.LAYOUT_HARDENED, title: 'hardened' },
  { layout: constants.LAYOUT_FAITHFUL, title: 'faithful' },
] as const;

const rows = [
  { title: '64 bytes, one call at a time', payloadBytes: 64, depth: 1 },
  { title: '128 bytes, one call at a time', payloadBytes: 128, depth: 1 },
  { title: '64 bytes, 16 calls in flight', payloadBytes: 64, depth: 16 },
] as const;

/** A Markdown table: accesses that a call waits for, server's and caller's. */
export function costTable(): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const show = (value: number): string => String(Math.round(value * 100) / 100);
  return [
    row(['call', ...layouts.map(({ title }) => title)]),
    row(['---', ...layouts.map(() => '---:')]),
    ...rows.map(({ title, ...options }) =>
      row([
        title,
        ...layouts.map(({ layout }) => {
          const cost = costOfCall(layout, options);
          return `${show(accessesOf(cost))} (${show(cost.serverMisses)} + ${show(cost.callerMisses)})`;
        }),
      ]),
    ),
  ].join('\n');
}
