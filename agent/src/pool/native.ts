/** The addon (agent/native) as TypeScript sees it: bytes only. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { PoolError } from './pool-error.ts';

export interface Native {
  misalignment(memory: Uint8Array): number;
  map(memory: Uint8Array, offset: number, length: number, path: string, fileOffset: number): void;
  unmap(memory: Uint8Array, offset: number, length: number): void;
  flush(memory: Uint8Array, offset: number, length: number): void;
  writeBack(memory: Uint8Array, offset: number, length: number): void;
  prefetch(memory: Uint8Array, offset: number): void;
  storeNonTemporal(memory: Uint8Array, offset: number, source: Uint8Array, from: number, length: number): void;
  monotonicNs(): number;
  clockReadNs(reads: number): number;
  tsc(): bigint;
  tscFrequencyHz(milliseconds: number): number;
  waitWhile(memory: Uint8Array, offset: number, expected: bigint, timeoutNs: number): boolean;
  waitForFlag(memory: Uint8Array, offset: number, flag: number, abortOffset: number, timeoutNs: number, timed: boolean): boolean;
  pauseFor(memory: Uint8Array, abortOffset: number, timeoutNs: number, timed: boolean): void;
  yieldCpu(): void;
  startHeartbeat(memory: Uint8Array, offset: number, intervalMs: number): number;
  stopHeartbeat(number: number): void;
  setParentDeathSignal(parent: number): boolean;
  die(): never;
  stop(): void;
  cpuFeatures(): { readonly clwb: boolean; readonly clflushopt: boolean; readonly waitpkg: boolean };
}

let loaded: Native | undefined;

/** Loaded once per thread. Throws PoolError ADDON_MISSING. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const path = builtFile('addon.node');
  try {
    return createRequire(import.meta.url)(path ?? '') as Native;
  } catch (cause) {
    throw new PoolError('ADDON_MISSING', 'the native addon cannot be loaded', {
      cause,
      hint: 'run `node infra/build.mjs`; on a machine of a pod, deploy the agent again',
    });
  }
}

/** A file of the built agent: beside the bundle, or in agent/dist when this runs from source. */
export function builtFile(name: string): string | undefined {
  const places = [new URL(`./${name}`, import.meta.url), new URL(`../../dist/${name}`, import.meta.url)];
  return places.map((place) => fileURLToPath(place)).find((path) => existsSync(path));
}
