/** What a message says of the references that travel with it: `MessageHeader.references`, one word, so that it is read at once. */
const countBits = 11;
const numberBits = 20;

/**
 * References of one direction of a connection are numbered as they are sent; the numbers wrap.
 *
 *     31                     12 11      11 10       0
 *     | number of the first    | is large | how many |
 *
 * Large: the first one holds the message itself, whose length stands where the message else does.
 */
export const ReferencesWord = {
  countLimit: 2 ** countBits - 1,
  numbers: 2 ** numberBits,

  pack(first: number, count: number, isLarge: boolean): number {
    return ((first << (countBits + 1)) | (isLarge ? 1 << countBits : 0) | count) >>> 0;
  },
  first(word: number): number {
    return word >>> (countBits + 1);
  },
  isLarge(word: number): boolean {
    return ((word >>> countBits) & 1) === 1;
  },
  count(word: number): number {
    return word & ReferencesWord.countLimit;
  },
  /** The number that is `by` after `number`. */
  after(number: number, by: number): number {
    return (number + by) & (ReferencesWord.numbers - 1);
  },
  /** How far `to` is after `from`; negative when it is before. */
  distance(from: number, to: number): number {
    const ahead = (to - from) & (ReferencesWord.numbers - 1);
    return ahead < ReferencesWord.numbers / 2 ? ahead : ahead - ReferencesWord.numbers;
  },
} as const;
