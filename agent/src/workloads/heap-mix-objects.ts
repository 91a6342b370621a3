/** Objects that say whether they are whole: a number, and words that follow from it. */
import type { Ref } from '../shm/index.ts';

const wordsWritten = 16;
const numberIndex = 0;
const sizeIndex = 1;

/** At least 8 bytes, of which the first words are written. */
export function writeObject(ref: Ref, number: number, sizeBytes: number): void {
  const words = wordsOf(ref, sizeBytes);
  words[numberIndex] = number;
  words[sizeIndex] = sizeBytes;
  for (let index = sizeIndex + 1; index < words.length; index++) words[index] = wordOf(number, index);
}

export function isWhole(ref: Ref): boolean {
  const { view } = ref;
  const sizeBytes = view.getUint32(sizeIndex * 4, true);
  if (sizeBytes > ref.bytes.length) return false;
  const words = wordsOf(ref, sizeBytes);
  const number = words[numberIndex]!;
  for (let index = sizeIndex + 1; index < words.length; index++) if (words[index] !== wordOf(number, index)) return false;
  return true;
}

export function describeObject(ref: Ref): string {
  const [number, sizeBytes, ...rest] = new Uint32Array(ref.bytes.buffer, ref.bytes.byteOffset, 6);
  return `an object says that it is number ${number} of ${sizeBytes} bytes, and goes on with ${rest.join(', ')}`;
}

function wordsOf({ bytes }: Ref, sizeBytes: number): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.min(wordsWritten, sizeBytes >>> 2));
}

function wordOf(number: number, index: number): number {
  return (Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b)) >>> 0;
}
