/**
 * Compiles the core: agent/dist/core.wasm (release), agent/dist/core-traced.wasm (every access an import), core-simulated.wasm
 * (the same, able to suspend at an access), and the TypeScript copy of its declarations in agent/src/generated/.
 *
 *     node agent/core/build.mjs
 */
import { existsSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import binaryen from 'binaryen';
import { readDeclarations } from './transform/declarations.mjs';
import { generateCrashPoints, generateLayout } from './transform/generate.mjs';
import { SiteTransform } from './transform/sites.mjs';

const coreFolder = fileURLToPath(new URL('.', import.meta.url));
const agentFolder = fileURLToPath(new URL('..', import.meta.url));

const commonArguments = [
  '--runtime', 'stub',
  '--noAssert',
  '--importMemory', '--sharedMemory', '--noExportMemory',
  '--initialMemory', '1', '--maximumMemory', '65536',
  '--enable', 'threads',
  '--disable', 'bulk-memory',
];

/**
 * Compiles one variant and returns its bytes. `traced`: the door is imports. `mutants`: deliberate mistakes can be switched on.
 * `optimized`: as shipped. Names are kept in all but the release. `entry` and `extraFiles`: for tests, which compile a probe.
 */
export async function compileCore({ traced = false, mutants = traced, optimized = true, transforms = [], entry = 'index.ts', extraFiles = {} } = {}) {
  const { layoutVersion } = readDeclarations(coreFolder);
  const replaced = new Map([
    ['layout/version.ts', `export const LAYOUT_VERSION: u64 = 0x${layoutVersion};\n`],
    ...Object.entries(extraFiles),
    ...(traced ? [['memory/memory.ts', sourceOf('memory/traced.ts')]] : []),
    ...(mutants ? [['memory/mutant.ts', sourceOf('memory/mutant-traced.ts')]] : []),
  ]);
  const outputs = new Map();
  const optimization = optimized ? ['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge'] : ['--optimizeLevel', '0'];
  const { error, stderr } = await asc.main(
    [entry, ...commonArguments, ...optimization, ...(optimized && !traced ? [] : ['--debug']), '--outFile', 'core.wasm'],
    {
      stdout: asc.createMemoryStream(),
      stderr: asc.createMemoryStream(),
      readFile: (name, baseFolder) => replaced.get(name) ?? readIfPresent(join(baseFolder === '.' ? coreFolder : baseFolder, name)),
      writeFile: (name, contents) => void outputs.set(name, contents),
      listFiles: () => [],
      transforms,
    },
  );
  if (error) throw new Error(`the core does not compile\n${stderr.toString()}`);
  return outputs.get('core.wasm');
}

function sourceOf(name) {
  return readFileSync(join(coreFolder, name), 'utf8');
}

function readIfPresent(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** Lets the traced build suspend inside an access. */
export function makeSuspendable(bytes) {
  const module = binaryen.readBinary(bytes);
  const { Atomics, MutableGlobals, NontrappingFPToInt, SignExt } = binaryen.Features;
  module.setFeatures(Atomics | MutableGlobals | NontrappingFPToInt | SignExt);
  // The traced core has no memory; this one holds nothing but the stack of a suspended call.
  module.setMemory(1, 1, 'stack');
  binaryen.setPassArgument('asyncify-imports', 'simulator.access');
  module.runPasses(['asyncify']);
  binaryen.setOptimizeLevel(2);
  module.optimize();
  const suspendable = module.emitBinary();
  module.dispose();
  return suspendable;
}

export function writeGenerated() {
  const declarations = readDeclarations(coreFolder);
  const folder = join(agentFolder, 'src', 'generated');
  mkdirSync(folder, { recursive: true });
  place(join(folder, 'layout.ts'), generateLayout(declarations));
  place(join(folder, 'crash-points.ts'), generateCrashPoints(declarations));
}

/** Whole or not at all, because tests and workers may be reading; what has not changed is only marked as fresh. */
function place(path, contents) {
  if (existsSync(path) && Buffer.from(contents).equals(readFileSync(path))) {
    utimesSync(path, new Date(), new Date());
    return;
  }
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
}

export async function build() {
  writeGenerated();
  const dist = join(agentFolder, 'dist');
  mkdirSync(dist, { recursive: true });
  place(join(dist, 'core.wasm'), await compileCore());
  const sites = new SiteTransform();
  const traced = await compileCore({ traced: true, transforms: [sites] });
  place(join(dist, 'core-traced.wasm'), traced);
  place(join(dist, 'core-traced-sites.json'), JSON.stringify(sites.sites));
  place(join(dist, 'core-simulated.wasm'), makeSuspendable(traced));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
