/**
 * Deliberate mistakes in the core, by the number that `mutant(n)` asks for. Each must be noticed by the check that is named for it
 * in mutants.interleave.test.ts; one that is not would mean that the step it spoils is not tested, or not needed.
 */
export const mutants = [
  { number: 1, mistake: 'format publishes the pool before it has written it' },
  { number: 2, mistake: 'join gives the second occupant of a slot the incarnation of the first' },
  { number: 3, mistake: 'join claims a slot with a store instead of a swap' },
  { number: 4, mistake: 'a recoverer takes the claim on a dead client from another that lives' },
  { number: 5, mistake: 'a call publishes its ring entry before the header' },
  { number: 6, mistake: 'ring entries have no phase and no sequence: any entry that is not empty has arrived' },
  { number: 7, mistake: 'the server believes references and lengths' },
  { number: 8, mistake: 'listen opens the connection before rings and descriptor are prepared' },
  { number: 9, mistake: 'connect takes a connection with a store instead of a swap' },
  { number: 10, mistake: 'the server answers without credit' },
  { number: 11, mistake: 'the server publishes its answer before it is written' },
  { number: 12, mistake: 'a call publishes its ring entry before the payload' },
  { number: 13, mistake: 'the caller takes any status word for a code of its own' },
] as const;

export type MutantNumber = (typeof mutants)[number]['number'];
