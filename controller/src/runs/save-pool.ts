/** The pool as it was when a run ended, compressed, for a post-mortem: `gunzip` it and give it to `cxlpod inspect --pool`. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { RunFolder } from './run-folder.ts';

export const poolImage = 'pool/pool.raw.gz';

/** A pool is mostly zeros: the fastest level takes a second and leaves some hundred KiB. */
export async function savePool(poolFile: string, folder: RunFolder): Promise<void> {
  folder.write(poolImage, '');
  const compressed = createGzip({ level: constants.Z_BEST_SPEED });
  await pipeline(createReadStream(poolFile, { highWaterMark: 1 << 20 }), compressed, createWriteStream(folder.join(poolImage)));
}
