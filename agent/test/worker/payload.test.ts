import { expect, test } from 'vitest';
import { EchoPayload } from '../../src/workloads/payload.ts';

test('an echo is accepted only for the call it answers', () => {
  const payload = new EchoPayload(64);
  const first = Uint8Array.from(payload.number(1));
  payload.verify(first, 1);
  payload.number(2);
  expect(() => payload.verify(first, 2)).toThrowError(expect.objectContaining({ code: 'WRONG_ANSWER' }));
});

test.each([
  ['a changed byte', (bytes: Uint8Array) => bytes.map((byte, index) => (index === 63 ? byte ^ 1 : byte))],
  ['a byte too few', (bytes: Uint8Array) => bytes.subarray(0, 63)],
  ['a byte too many', (bytes: Uint8Array) => Uint8Array.from([...bytes, 0])],
])('an echo with %s is refused', (_, change) => {
  const payload = new EchoPayload(64);
  const bytes = payload.number(7);
  expect(() => payload.verify(change(Uint8Array.from(bytes)), 7)).toThrowError(expect.objectContaining({ code: 'WRONG_ANSWER' }));
});

test.each([1, 3, 4, 16, 63, 64, 66])('of %i bytes in a pool, each changed byte is seen', (sizeBytes) => {
  const pool = new SharedArrayBuffer(4096);
  const payload = new EchoPayload(sizeBytes, pool);
  const response = new Uint8Array(pool, 1024, sizeBytes);
  response.set(payload.number(3));
  payload.verify(response, 3);
  for (let index = 0; index < sizeBytes; index++) {
    response[index]! ^= 0x80;
    expect(() => payload.verify(response, 3)).toThrowError(expect.objectContaining({ code: 'WRONG_ANSWER' }));
    response[index]! ^= 0x80;
  }
  expect(() => payload.verify(new Uint8Array(pool, 1024, sizeBytes + 1), 3)).toThrowError(/is not its echo/);
});
