/**
 * Builds everything that runs outside the tests: the core (both builds), the addon, the C floor, and the bundles of agent,
 * worker and controller. `node infra/build.mjs` builds what is older than its sources; `--force` builds all.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const force = process.argv.includes('--force');

/** In dependency order: the core generates TypeScript that the bundles import. */
const parts = [
  {
    name: 'core',
    sources: ['agent/core'],
    outputs: ['agent/dist/core.wasm', 'agent/dist/core-traced.wasm', 'agent/src/generated/layout.ts'],
    make: script('agent/core/build.mjs'),
  },
  { name: 'addon', sources: ['agent/native'], outputs: ['agent/dist/addon.node'], make: script('agent/native/build.mjs') },
  {
    name: 'header',
    sources: ['agent/c', 'agent/core/layout', 'agent/src/history/record.ts'],
    outputs: ['agent/dist/cxlpod.h'],
    make: script('agent/c/build.mjs'),
  },
  { name: 'floor', sources: ['agent/floor'], outputs: ['agent/dist/floor'], make: script('agent/floor/build.mjs') },
  {
    name: 'grpc',
    sources: ['agent/grpc'],
    outputs: ['agent/dist/grpc.cjs'],
    make: () => bundleGrpc(),
  },
  {
    name: 'agent',
    sources: ['agent/src'],
    outputs: ['agent', 'worker', 'heap-bench', 'rpc-bench', 'program'].map((name) => `agent/dist/${name}.mjs`),
    make: () =>
      bundleNode(
        {
          agent: 'agent/src/daemon/main.ts',
          worker: 'agent/src/worker/main.ts',
          'heap-bench': 'agent/src/heap-bench/main.ts',
          'rpc-bench': 'agent/src/rpc-bench/main.ts',
          program: 'agent/src/program/index.ts',
        },
        'agent/dist',
      ),
  },
  {
    name: 'controller',
    sources: ['agent/src', 'controller/src'],
    outputs: ['controller/dist/cxlpod.mjs'],
    make: () => bundleNode({ cxlpod: 'controller/src/cli/main.ts' }, 'controller/dist', { packages: 'external' }),
  },
];

function script(path) {
  return () => execFileSync(process.execPath, [join(root, path)], { cwd: root, stdio: 'inherit' });
}

/** `packages: external` leaves npm packages to node_modules; our own workspace `@cxlpod/agent` is always bundled. */
async function bundleNode(entryPoints, outdir, { packages = 'bundle' } = {}) {
  await bundle({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    splitting: packages === 'external',
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    sourcemap: packages === 'external' ? 'linked' : false,
    plugins: packages === 'external' ? [externalPackages] : [],
    logLevel: 'warning',
  });
}

/**
 * A baseline that calls are compared with, apart from the agent, which has no package in it. As CommonJS, since that is what the library is;
 * what it loads a schema with is never reached.
 */
async function bundleGrpc() {
  await bundle({
    absWorkingDir: root,
    entryPoints: { grpc: 'agent/grpc/echo.ts' },
    outdir: 'agent/dist',
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    external: ['@grpc/proto-loader'],
    logLevel: 'warning',
  });
}

const externalPackages = {
  name: 'external-packages',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@cxlpod/') ? undefined : { path, external: true },
    );
  },
};

function newest(paths) {
  let time = 0;
  for (const path of paths) {
    const stat = statSync(path);
    const inside = stat.isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [];
    time = Math.max(time, stat.isDirectory() ? newest(inside) : stat.mtimeMs);
  }
  return time;
}

function isFresh({ sources, outputs }) {
  const made = outputs.map((path) => join(root, path));
  if (!made.every((path) => existsSync(path))) return false;
  const oldest = Math.min(...made.map((path) => statSync(path).mtimeMs));
  return (
    newest([...sources.map((path) => join(root, path)), fileURLToPath(import.meta.url), join(root, 'package-lock.json')]) <=
    oldest
  );
}

for (const folder of ['agent/dist', 'controller/dist']) mkdirSync(join(root, folder), { recursive: true });
for (const part of parts) {
  if (!force && isFresh(part)) continue;
  const started = performance.now();
  await part.make();
  process.stderr.write(`built ${part.name} in ${Math.round(performance.now() - started)} ms\n`);
}
