/**
 * The TypeScript of calls with references over the simulated core: what we ship runs on bytes that the simulator owns, and its thread can die at
 * any shared access. A dead client's exports throw for ever, so that no `finally` of it does anything to the pool that a SIGKILL would not let it do.
 */
import { constants } from '../../../src/layout/index.ts';
import type { Core, CoreExports } from '../../../src/pool/core.ts';
import { HeapClient } from '../../../src/shm/heap-client.ts';
import { Session } from '../../../src/shm/session.ts';
import { Crash, type SimulatedClient } from '../simulator.ts';

type Exported = (...args: readonly number[]) => number;

/** Puts a mistake between the TypeScript and the core: what an export does instead. */
export type Mistake = (exports: Record<string, Exported>) => Partial<Record<keyof CoreExports, Exported>>;

const scratchSizeBytes = 65536;

/** The client has joined and opened the heap. */
export function coreOf(client: SimulatedClient, mistake?: Mistake): Core {
  const { world } = client;
  const { bytes } = world.memory;
  const poolBase = world.historyBase - world.poolSizeBytes;
  const exports = mortal(client, mistake);
  const scratchBase = world.firstScratch + client.index * scratchSizeBytes;
  const pool = bytes.subarray(poolBase, poolBase + world.poolSizeBytes);
  const mapped = { memory: { buffer: bytes.buffer }, poolBase, poolSizeBytes: world.poolSizeBytes, scratchBase };
  return { mapped, thread: 0, exports, bytes, pool } as unknown as Core;
}

export function heapOver(core: Core): HeapClient {
  return new HeapClient(new Session(core, 0, 'off'));
}

/** Lets a restore see what TypeScript writes past the core. */
export function exposePool({ world }: SimulatedClient): void {
  world.poolBytes(0, world.poolSizeBytes);
}

function mortal(client: SimulatedClient, mistake: Mistake = () => ({})): CoreExports {
  const real = client.core as unknown as Record<string, Exported>;
  const instead = mistake(real) as Record<string, Exported>;
  const names = Object.keys(real).filter((name) => typeof real[name] === 'function');
  const guarded = names.map((name) => {
    const fn = instead[name] ?? real[name]!;
    const call: Exported = (...args) => {
      if (client.isDead) throw new Crash('is dead');
      try {
        return fn(...args);
      } catch (error) {
        if (error instanceof Crash) client.kill();
        throw error;
      }
    };
    return [name, call] as const;
  });
  return Object.fromEntries(guarded) as unknown as CoreExports;
}

/** Places in the connection table that are in use. */
export function connectionsInUse(client: SimulatedClient): number {
  return client.world.inspect().connections.length;
}

export const smallestPayload = constants.LINE_BYTES;
