/** One colour a system, the same on the whole page; the values are in the style, for light and dark. */
const known: Readonly<Record<string, string>> = {
  floor: 'var(--floor)',
  'floor-again': 'var(--again)',
  'rpc-core': 'var(--series-1)',
  'rpc-recorded': 'var(--series-1)',
  'rpc-javascript': 'var(--series-2)',
  'word-ping-pong': 'var(--series-3)',
  tcp: 'var(--series-4)',
  unix: 'var(--series-5)',
  grpc: 'var(--series-6)',
  faithful: 'var(--floor)',
  'faithful-again': 'var(--again)',
  hardened: 'var(--series-1)',
  reference: 'var(--series-1)',
  touch: 'var(--series-2)',
  'waiting-adaptive': 'var(--series-1)',
  'waiting-spin': 'var(--series-2)',
  'waiting-pause': 'var(--series-3)',
  'waiting-timed': 'var(--series-4)',
  'waiting-yield': 'var(--series-5)',
  'waiting-sleep': 'var(--series-6)',
  published: 'var(--dim)',
};
const others = ['var(--series-5)', 'var(--series-6)', 'var(--series-7)'];

export function colourOf(tag: string, index: number): string {
  return known[tag] ?? others[index % others.length]!;
}
