/**
 * Makes `cxlpod-<version>.tgz`, the npm package: what was built, the images' sources, topologies, scenarios, documents.
 *
 *     node infra/pack.mjs [folder]      into this folder; by default .build
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** From the root of the project; folders whole. */
const contents = [
  ...[
    'agent.mjs',
    'worker.mjs',
    'core.wasm',
    'core-traced.wasm',
    'addon.node',
    'floor',
    'grpc.cjs',
    'cxlpod.h',
    'program.mjs',
  ].map((file) => `agent/dist/${file}`),
  'controller/bin',
  'controller/dist',
  'images',
  ...['topologies', 'scenarios', 'examples', 'template', 'host'].map((folder) => `infra/${folder}`),
  'docs',
  'README.md',
  'ARCHITECTURE.md',
  'LICENSE',
];

export function pack(into = join(root, '.build')) {
  const folder = join(into, 'package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const path of contents) cpSync(join(root, path), join(folder, path), { recursive: true });
  // The names and sentences of a program's types; everything that it imports is beside it.
  const types = ['--declaration', '--emitDeclarationOnly', '--noEmit', 'false', '--outDir', join(folder, 'types')];
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', join(root, 'infra', 'tsconfig.package.json'), ...types], { stdio: 'inherit' });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return join(into, JSON.parse(packed)[0].filename);
}

function manifest() {
  const whole = read('package.json');
  const { name, version, description, license, type, engines } = whole;
  const { dependencies } = read('controller/package.json');
  return {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin: { cxlpod: 'controller/bin/cxlpod.mjs' },
    exports: { '.': { types: './types/program/index.d.ts', default: './agent/dist/program.mjs' } },
    os: ['linux'],
    cpu: ['x64'],
    dependencies,
  };
}

function read(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${pack(process.argv[2] === undefined ? undefined : resolve(process.argv[2]))}\n`);
}
