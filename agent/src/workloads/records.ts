/** What both sides of `record-serve` and `record-read` agree on. */

export const asks = { whole: 0, field: 1, reference: 2 } as const;
export const requestBytes = 12;

export function recordsName(service: string): string {
  return `records/${service}`;
}

export function wordOf(record: number, word: number): number {
  return (Math.imul(record + 1, 0x9e3779b1) ^ Math.imul(word + 1, 0x85ebca6b)) >>> 0;
}

export function fillRecord(words: Uint32Array<ArrayBuffer>, record: number): Uint32Array<ArrayBuffer> {
  for (let word = 0; word < words.length; word++) words[word] = wordOf(record, word);
  return words;
}

export interface RecordRequest {
  readonly ask: number;
  readonly record: number;
  readonly field: number;
}

export function writeRequest(buffer: Uint8Array, { ask, record, field }: RecordRequest): number {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  view.setUint32(0, ask, true);
  view.setUint32(4, record, true);
  view.setUint32(8, field, true);
  return requestBytes;
}

export function readRequest(buffer: Uint8Array): RecordRequest {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return { ask: view.getUint32(0, true), record: view.getUint32(4, true), field: view.getUint32(8, true) };
}
