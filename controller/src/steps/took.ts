/**
 * How long the parts of something took the last times, on this host: `took.json` beside the folders of the pods. For estimates only: a file that
 * is not there or cannot be read knows nothing, and one that cannot be written is done without.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stateFolder } from '../cluster/pod-paths.ts';

/** Milliseconds by part, the median of the last times. */
export type Took = Readonly<Record<string, number>>;

type Kept = Record<string, { at: number; parts: Record<string, number[]> }>;

const timesKept = 5;
const keysKept = 200;

/** Null for what was never done here. */
export function howLong(key: string): Took | null {
  const kept = read()[key];
  if (kept === undefined) return null;
  return Object.fromEntries(Object.entries(kept.parts).map(([part, times]) => [part, medianOf(times)]));
}

export function noteHowLong(key: string, took: Took): void {
  const kept = read();
  const before = kept[key]?.parts ?? {};
  const parts = Object.entries(took).map(([part, ms]) => [part, [...(before[part] ?? []), Math.round(ms)].slice(-timesKept)]);
  kept[key] = { at: Date.now(), parts: Object.fromEntries(parts) };
  const newest = Object.entries(kept)
    .sort(([, a], [, b]) => b.at - a.at)
    .slice(0, keysKept);
  try {
    mkdirSync(dirname(file()), { recursive: true, mode: 0o700 });
    const next = `${file()}.${process.pid}`;
    writeFileSync(next, JSON.stringify(Object.fromEntries(newest)));
    renameSync(next, file());
  } catch {}
}

/** For a key: of whatever else decides how long it takes. */
export function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
}

function file(): string {
  return join(stateFolder(), 'cxlpod', 'took.json');
}

function read(): Kept {
  try {
    const kept = JSON.parse(readFileSync(file(), 'utf8')) as Kept;
    const isKept = Object.values(kept).every(
      ({ at, parts }) =>
        Number.isFinite(at) && Object.values(parts).every((times) => times.length > 0 && times.every(Number.isFinite)),
    );
    return isKept ? kept : {};
  } catch {
    return {};
  }
}

function medianOf(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!;
}
