/** What both sides of a sweep agree on. */

/** An answer of 8 bytes that is a number; returns its length. */
export function writeAnswer(response: Uint8Array, value: number): number {
  for (let place = 0; place < 8; place++) response[place] = place < 4 ? (value >>> (8 * place)) & 0xff : 0;
  return 8;
}

export function readAnswer(response: Uint8Array): number {
  if (response.length !== 8) return -1;
  return (response[0]! | (response[1]! << 8) | (response[2]! << 16) | (response[3]! << 24)) >>> 0;
}
