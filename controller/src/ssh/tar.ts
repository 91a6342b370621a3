/** A POSIX ustar archive in memory: how several files travel in one exec. */

export interface TarFile {
  /** Relative, at most 100 bytes. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly executable: boolean;
}

const blockBytes = 512;
const pathLimitBytes = 100;

export function packTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap((file) => [header(file), file.bytes, Buffer.alloc(-file.bytes.length & (blockBytes - 1))]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function header({ path, bytes, executable }: TarFile): Buffer {
  if (Buffer.byteLength(path) > pathLimitBytes) throw new Error(`${path} is too long a path for an archive`);
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  block.write(path, 0, 'utf8');
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes.length, 124, 12);
  octal(0, 136, 12);
  block.write('0', 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  // The sum is taken with its own field read as spaces.
  block.write('        ', 148, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}
