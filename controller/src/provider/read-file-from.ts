import { open } from 'node:fs/promises';

/** The bytes of a file from an offset to its end; empty for a file that does not exist yet. */
export async function readFileFrom(path: string, fromByte: number): Promise<Buffer> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.max(0, size - fromByte));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, fromByte);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
