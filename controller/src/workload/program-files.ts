/** The user's own program as machines get it: an executable as it is, C source compiled, a TypeScript module bundled. */
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { projectRoot } from '../config/project-root.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import { runHostProgram } from '../programs/run-host-program.ts';

export interface ProgramFile extends AsyncDisposable {
  /** On this host. */
  readonly path: string;
  /** In the folder of the agent. */
  readonly to: string;
}

const compileLimitMs = 120_000;

interface WantedProgram {
  readonly exec?: string | undefined;
  readonly module?: string | undefined;
}

/** In the folder of the agent, and in that of the run. */
export function programPlace({ exec, module }: WantedProgram): string {
  return `program/${exec === undefined ? `${basename(module!, extname(module!))}.mjs` : basename(exec, '.c')}`;
}

/** Errors, all of usage: PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE, PROGRAM_DOES_NOT_COMPILE. */
export async function programFile({ exec, module }: WantedProgram): Promise<ProgramFile> {
  return exec === undefined ? moduleFile(module!) : executableFile(exec);
}

async function executableFile(path: string): Promise<ProgramFile> {
  requireFile(path);
  if (extname(path) === '.c') return made(programPlace({ exec: path }), (to) => compile(path, to));
  if ((statSync(path).mode & 0o111) === 0) {
    throw usageError('PROGRAM_NOT_EXECUTABLE', `${path} cannot be run`, {
      cause: new Error('its mode says that nobody may execute it'),
      hint: `chmod +x ${path}; or name C source, which is compiled`,
    });
  }
  return { path, to: programPlace({ exec: path }), [Symbol.asyncDispose]: async () => {} };
}

/** The module and all that it imports in one file; `cxlpod` is the worker's own. */
async function moduleFile(path: string): Promise<ProgramFile> {
  requireFile(path);
  return made(programPlace({ module: path }), (to) => bundle(path, to));
}

/** Static, so that it runs in guests with another C library, or with none. */
async function compile(source: string, output: string): Promise<void> {
  const header = join(projectRoot(), 'agent', 'dist');
  const flags = ['-std=gnu11', '-O2', '-Wall', '-static', '-pthread', '-I', header];
  const compiler = process.env.CC ?? 'cc';
  const { exitCode, stderr } = await runHostProgram([compiler, ...flags, '-o', output, source], { timeoutMs: compileLimitMs });
  if (exitCode === 0) return;
  throw usageError('PROGRAM_DOES_NOT_COMPILE', `${source} does not compile`, { cause: new Error(stderr.trim()) });
}

async function bundle(source: string, outfile: string): Promise<void> {
  const { build } = await import('esbuild');
  try {
    await build({
      entryPoints: [source],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20.19',
      format: 'esm',
      sourcemap: 'inline',
      logLevel: 'silent',
      plugins: [ownInterface],
    });
  } catch (cause) {
    throw usageError('PROGRAM_DOES_NOT_COMPILE', `${source} cannot be bundled`, { cause });
  }
}

/** What a program may import from `cxlpod`: the exports of agent/src/program/index.ts, which a worker keeps under this symbol. */
const ownInterface = {
  name: 'cxlpod',
  setup(build: import('esbuild').PluginBuild) {
    build.onResolve({ filter: /^cxlpod$/ }, () => ({ path: 'cxlpod', namespace: 'cxlpod' }));
    build.onLoad({ filter: /.*/, namespace: 'cxlpod' }, () => ({
      contents: "module.exports = globalThis[Symbol.for('cxlpod')];",
      loader: 'js',
    }));
  },
};

async function made(place: string, make: (path: string) => Promise<void>): Promise<ProgramFile> {
  const folder = await mkdtemp(join(tmpdir(), 'cxlpod-program-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, basename(place));
    await make(path);
    return { path, to: place, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function requireFile(path: string): void {
  if (existsSync(path) && statSync(path).isFile()) return;
  throw usageError('PROGRAM_NOT_FOUND', `there is no program ${path}`, {
    hint: 'a path in a scenario counts from the folder of the scenario file',
  });
}
