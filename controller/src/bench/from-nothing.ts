/** What a newcomer waits for. Both take minutes, so they are measured only when they are named. */
import { join } from 'node:path';
import { projectRoot } from '../config/project-root.ts';
import { connectEngine } from '../engine/docker.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { runHostProgram } from '../programs/run-host-program.ts';
import { type BenchContext, type BenchItem, figure } from './bench-item.ts';

const imagesBarS = 360;
const demoBarS = 90;
const shownLines = 20;
const limitMs = 30 * 60_000;

export const images: BenchItem = {
  names: ['images'],
  sentence: 'building the images from nothing, the engine’s build cache not used',
  onlyWhenNamed: true,
  async measure(context) {
    const seconds = await timed(join(projectRoot(), 'images', 'build'), ['--force'], context);
    return [command('images from nothing', seconds, imagesBarS, (await connectEngine().version()).version)];
  },
};

export const demo: BenchItem = {
  names: ['demo'],
  sentence: 'make demo, images built',
  onlyWhenNamed: true,
  async measure(context) {
    const seconds = await timed('make', ['--no-print-directory', 'demo'], context);
    return [command('make demo, images built', seconds, demoBarS, (await connectEngine().version()).version)];
  },
};

function command(name: string, seconds: number, bar: number, engine: string) {
  const spread = `once, engine ${engine}`;
  return figure({ name, value: seconds, unit: 's', bar, spread, provider: 'qemu', accelerator: 'as chosen' });
}

/** Seconds; throws with the last lines of what it said when it fails. */
async function timed(program: string, args: readonly string[], { signal, say }: BenchContext): Promise<number> {
  say(`bench: ${program} ${args.join(' ')}`);
  const startMs = performance.now();
  const { exitCode, stdout, stderr } = await runHostProgram([program, ...args], {
    cwd: projectRoot(),
    signal,
    timeoutMs: limitMs,
  });
  if (exitCode === 0) return (performance.now() - startMs) / 1000;
  const last = `${stdout}${stderr}`.trimEnd().split('\n').slice(-shownLines).join('\n');
  throw environmentError('BENCH_FAILED', `${program} ended with exit code ${exitCode}`, { cause: new Error(last) });
}
