/** Facts about this host and its images that take seconds to learn: `$XDG_CACHE_HOME/cxlpod/host.json`. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** More than enough for the images of a host; older facts are forgotten first. */
const factLimit = 32;

type Facts = Record<string, unknown>;

/** The value under `key`, learned once, or `afresh`. The key must name all that the value depends on. */
export async function remembered<T>(key: string, learn: () => Promise<T>, { afresh = false } = {}): Promise<T> {
  const known = afresh ? undefined : (await readFacts())[key];
  if (known !== undefined) return known as T;
  const value = await learn();
  await writeFacts({ ...(await readFacts()), [key]: value });
  return value;
}

function cacheFile(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'cxlpod', 'host.json');
}

async function readFacts(): Promise<Facts> {
  try {
    return JSON.parse(await readFile(cacheFile(), 'utf8')) as Facts;
  } catch {
    return {};
  }
}

/** A cache that cannot be written costs time, nothing else. */
async function writeFacts(facts: Facts): Promise<void> {
  const path = cacheFile();
  const next = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(next, JSON.stringify(Object.fromEntries(Object.entries(facts).slice(-factLimit)), null, 2));
    await rename(next, path);
  } catch {}
}
