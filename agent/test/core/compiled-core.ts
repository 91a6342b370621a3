/** The variants of the core that tests read, each compiled once per test file. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileCore } from '../../core/build.mjs';

export const coreFolder = fileURLToPath(new URL('../../core/', import.meta.url));

/** What agents run. */
export function shippedCore(): Uint8Array {
  return readFileSync(new URL('../../dist/core.wasm', import.meta.url));
}

/** Nothing inlined, so that every function is still where it was written, under its name. */
export function plainCore(options: { readonly traced: boolean }): Promise<Uint8Array> {
  return compileCore({ traced: options.traced, optimized: false });
}

/** The traced build without the switches for deliberate mistakes, to be compared with what is shipped. */
export function tracedTwin(): Promise<Uint8Array> {
  return compileCore({ traced: true, mutants: false });
}
