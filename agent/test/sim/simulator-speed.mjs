/**
 * Prints how fast the simulator is, medians of five:
 *
 *     node agent/test/sim/simulator-speed.mjs
 *
 * Node 20 does not read TypeScript, hence the bundle.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

// As deep below agent/ as the simulator's sources, which find the compiled core from where they are.
const outfile = fileURLToPath(new URL('../../dist/speed/simulator-speed.mjs', import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL('./simulator-speed.ts', import.meta.url))],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
});
await import(outfile);
