import { InvalidArgumentError } from 'commander';

const numberLimit = 2 ** 32 - 1;

/** For an option's value. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= numberLimit) return value;
  throw new InvalidArgumentError('It must be a whole number.');
}
