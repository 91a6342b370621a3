/** Pool and history: sparse files on the host's tmpfs, mapped shared by every machine (design D6). */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, open, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stateFolder } from '../cluster/pod-paths.ts';
import type { Topology } from '../config/topology.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { runHostProgram } from '../programs/run-host-program.ts';
import type { PodPaths } from './provider.ts';

const ownerFile = 'state-folder';

/** The state folder of whoever made them; null where that is not written, or there are none. */
export function ownerOfSharedFiles({ poolFile }: Pick<PodPaths, 'poolFile'>): string | null {
  try {
    return readFileSync(join(dirname(poolFile), ownerFile), 'utf8');
  } catch {
    return null;
  }
}

export async function createSharedFiles(topology: Topology, paths: PodPaths): Promise<void> {
  const folder = dirname(paths.poolFile);
  try {
    await mkdir(dirname(folder), { recursive: true });
    // Like /tmp: every user of this host may have pods. Only its owner can say so, and has.
    await chmod(dirname(folder), 0o1777).catch(() => {});
    await mkdir(folder);
    await writeFile(join(folder, ownerFile), stateFolder());
    await createSparse(paths.poolFile, topology.pool.sizeBytes);
    await createSparse(paths.historyFile, topology.history.sizeBytes);
  } catch (error) {
    throw environmentError('SHARED_FILES', `could not make the shared memory files in ${folder}`, {
      cause: error,
      hint: `ls -ld ${folder}; df -h /dev/shm; or another pod name: --name`,
    });
  }
}

/** Resolves to whether there was anything. */
export async function removeSharedFiles(paths: PodPaths): Promise<boolean> {
  const folder = dirname(paths.poolFile);
  if (!existsSync(folder)) return false;
  await rm(folder, { recursive: true, force: true });
  // Left behind by the last pod: an empty folder of ours. Another pod's files keep it, and that is fine.
  await rmdir(dirname(folder)).catch(() => {});
  return true;
}

/**
 * Gives every page back, so that the bytes read as zero and cost nothing. By a hole and not by truncation: whoever still maps the
 * file would die of SIGBUS in between.
 */
export async function zeroSharedFile(path: string, sizeBytes: number): Promise<void> {
  try {
    const argv = ['fallocate', '--punch-hole', '--offset', '0', '--length', String(sizeBytes), path];
    const { exitCode, stderr } = await runHostProgram(argv);
    if (exitCode !== 0) throw new Error(stderr.trim());
  } catch (error) {
    throw environmentError('RESET_FAILED', `could not zero ${path}`, { cause: error, hint: 'cxlpod down, then cxlpod up' });
  }
}

async function createSparse(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}
