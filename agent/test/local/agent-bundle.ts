/** The agent as it is shipped, of the sources as they are now: bundled here, beside the core and the addon that were built. */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export async function bundleAgent(folder: string): Promise<void> {
  for (const name of ['core.wasm', 'addon.node']) {
    const built = join(root, 'agent/dist', name);
    if (!existsSync(built)) throw new Error(`there is no ${built}: run node infra/build.mjs`);
    copyFileSync(built, join(folder, name));
  }
  await build({
    absWorkingDir: root,
    entryPoints: { agent: 'agent/src/daemon/main.ts', worker: 'agent/src/worker/main.ts' },
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
}
