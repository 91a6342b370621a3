/**
 * Deliberate mistakes in the core, by the number that `mutant(n)` asks for. Each must be noticed by the check that is named for it
 * in mutants.interleave.test.ts; one that is not would mean that the step it spoils is not tested, or not needed. `finding`: what it
 * stands for in the published systems, by number or section of what was found there. docs/mutants.md is printed from this list.
 */
export const mutants = [
  { number: 1, mistake: 'format publishes the pool before it has written it', killedBy: 'one formats' },
  {
    number: 2,
    mistake: 'join gives the second occupant of a slot the incarnation of the first',
    killedBy: 'a slot that is used again is another',
  },
  { number: 3, mistake: 'join claims a slot with a store instead of a swap', killedBy: 'one gets the last slot' },
  {
    number: 4,
    mistake: 'a recoverer takes the claim on a dead client from another that lives',
    killedBy: 'a slow recoverer harms nobody',
  },
  {
    number: 6,
    mistake: 'ring entries have no phase and no sequence: any entry that is not empty has arrived',
    killedBy: 'every call comes back',
  },
  { number: 7, mistake: 'the server believes references and lengths', killedBy: 'lies are refused' },
  {
    number: 8,
    mistake: 'listen opens the connection before rings and descriptor are prepared',
    killedBy: 'a connection is prepared before it listens',
  },
  { number: 9, mistake: 'connect takes a connection with a store instead of a swap', killedBy: 'one connects' },
  {
    number: 10,
    mistake: 'the caller sends although the call that has the next slot is in flight',
    killedBy: 'a call in flight keeps its slot',
  },
  { number: 11, mistake: 'the server publishes its answer before it is written', killedBy: 'every call comes back' },
  { number: 12, mistake: 'a call publishes its ring entry before the payload', killedBy: 'every call comes back' },
  { number: 13, mistake: 'the caller takes any status for a code of its own', killedBy: 'only statuses are believed' },
  { number: 14, mistake: 'the server takes requests beyond the window', killedBy: 'who sends beyond its window waits' },
  {
    number: 15,
    mistake: 'the slot of a call that has not ended is free when its caller is done with it',
    killedBy: 'a slot stays until its call ends',
  },
  { number: 16, mistake: 'a batch does not mind what the server offers', killedBy: 'a batch honours the offer' },
  { number: 17, mistake: 'who reads an offer does not drop its line', killedBy: 'an offer is read fresh' },
  { number: 18, mistake: 'a batch takes the calls in flight for its own', killedBy: 'a batch is alone' },
  { number: 19, mistake: 'what may be sent is asked again after a call was begun', killedBy: 'what may begin may be sent' },
  {
    number: 20,
    mistake: 'who overwrites a word keeps no evidence of the era in it',
    killedBy: 'one attaches and detaches what another does too, and dies at any moment',
  },
  { number: 21, mistake: 'attach writes no record', killedBy: 'dead at every write of attach and detach' },
  { number: 22, mistake: 'attach links the slot before it commits', killedBy: 'dead at every write of attach and detach' },
  {
    number: 23,
    mistake: 'attach does not open the next era',
    finding: '3',
    killedBy: 'dead at every write of attach and detach',
  },
  {
    number: 24,
    mistake: 'change does not log its second half before it opens the next era',
    finding: '§5',
    killedBy: 'dead at every write of change',
  },
  {
    number: 25,
    mistake: 'a page of roots is not cleared',
    finding: '8',
    killedBy: 'dead at every write of allocation, in used memory',
  },
  { number: 26, mistake: 'an allocation is stamped before its root names it', killedBy: 'dead at every write of allocation' },
  {
    number: 27,
    mistake: 'the evidence is kept after the word was overwritten',
    killedBy: 'one attaches and detaches what another does too, and dies at any moment',
  },
  {
    number: 28,
    mistake: 'embedded references are not cleared',
    finding: '10',
    killedBy: 'dead at every write of allocation, in used memory',
  },
  {
    number: 29,
    mistake: 'the short way of drop keeps no evidence',
    killedBy: 'the last root is dropped while another holder dies over emptying its slot',
  },
  {
    number: 30,
    mistake: 'recovery goes by the newest record instead of by the era',
    finding: '1, 2',
    killedBy: 'the receiver keeps what a sender sent and died',
  },
  {
    number: 31,
    mistake: 'recovery reads the column before the word',
    finding: '§4.4',
    killedBy: 'one attaches and detaches what another does too, and dies at any moment',
  },
  {
    number: 32,
    mistake: 'recovery does not close the era that it resolved',
    finding: '§4.5',
    killedBy: 'dead at every write of clone and acquire, and so is the recoverer',
  },
  {
    number: 33,
    mistake: 'recovery gives no hint of the block that was being given back',
    finding: '5',
    killedBy: 'a lost block is hinted at',
  },
  {
    number: 34,
    mistake: 'an id is given out again when its eras are used up',
    finding: '12',
    killedBy: 'a used up id is retired',
  },
  {
    number: 35,
    mistake: 'recovery does not put a corpse on the dying list',
    finding: '4',
    killedBy: 'dead at every write of releasing a tree',
  },
  {
    number: 36,
    mistake: 'who opens a queue does not look again whether its receiver is there',
    killedBy: 'one opens a queue towards one who is being recovered, in every order',
  },
  { number: 37, mistake: 'a full queue is filled', killedBy: 'a full queue refuses' },
  { number: 38, mistake: 'who closes a queue leaves what it did not send', killedBy: 'what was not sent comes back' },
  {
    number: 40,
    mistake: 'a segment is claimed with a store instead of a swap',
    killedBy: 'two claim the last segment in every order',
  },
  {
    number: 41,
    mistake: 'who acquires does not say what it looks at',
    finding: '14',
    killedBy: 'one acquires what another changes, in every order',
  },
  {
    number: 42,
    mistake: 'the last block of a page is not cleared',
    finding: '8',
    killedBy: 'dead at every write of filling pages, in used memory',
  },
  { number: 43, mistake: 'disposers do not mind who looks', finding: '14', killedBy: 'what is looked at stays' },
  {
    number: 44,
    mistake: 'who acquires does not read the slot again',
    finding: '14',
    killedBy: 'one acquires what another changes, in every order',
  },
  {
    number: 45,
    mistake: 'an allocation is stamped with an era that it does not use up',
    finding: '3',
    killedBy: 'dead at every write of change',
  },
  {
    number: 46,
    mistake: 'release reads the count, then decides, then counts',
    finding: '4',
    killedBy: 'two drop the last references in every order',
  },
  {
    number: 47,
    mistake: 'recovery writes no record of what it detaches',
    finding: '6',
    killedBy: 'dead at writes of leaving, and so is the recoverer',
  },
  { number: 48, mistake: 'the count is not limited', finding: '11', killedBy: 'a full count refuses' },
  { number: 49, mistake: 'recovery closes the era before it resolves it', killedBy: 'dead at every write of attach and detach' },
  {
    number: 50,
    mistake: 'a segment is given up without a look at its blocks',
    finding: '7',
    killedBy: 'dead at every write of attach and detach',
  },
  {
    number: 51,
    mistake: 'a sweep takes corpses of disposers who live',
    finding: '7',
    killedBy: 'blocks come back while their owner sweeps',
  },
  { number: 52, mistake: 'what is in limbo is given back although somebody looks', killedBy: 'what is looked at stays' },
  {
    number: 53,
    mistake: 'who adopts a segment believes what its last owner left in it',
    finding: '8',
    killedBy: 'an adopted segment is used',
  },
  { number: 54, mistake: 'a huge corpse is freed without being taken', killedBy: 'two collect the same huge object' },
  {
    number: 55,
    mistake: 'the record of an attach that was given up stands',
    killedBy: 'a record that was given up is forgotten',
  },
  {
    number: 57,
    mistake: 'a slot from which others acquire is cleared after its object is discounted',
    finding: '14',
    killedBy: 'a slot is acquired from whose writer died over emptying it',
  },
  { number: 58, mistake: 'who leaves frees a huge corpse although somebody looks', killedBy: 'what is looked at stays' },
  { number: 59, mistake: 'a recoverer forgets its own limbo', killedBy: 'a recoverer keeps its limbo' },
  { number: 60, mistake: 'a sweep takes a corpse although somebody looks', killedBy: 'what is looked at stays' },
  { number: 61, mistake: 'recovery lets the dead look on', killedBy: 'dead at every write of clone and acquire' },
  { number: 65, mistake: 'recovery does not clear the slot of a release', killedBy: 'dead at every write of attach and detach' },
  {
    number: 66,
    mistake: 'who opens the heap does not say where its eras begin',
    killedBy: "an earlier occupant's corpse is found",
  },
  {
    number: 67,
    mistake: 'who receives publishes the head before the reference has moved',
    finding: 'R5',
    killedBy: 'a full queue is refilled while it is emptied',
  },
  {
    number: 68,
    mistake: 'a receiver that is being recovered counts as one who closes its queues',
    killedBy: 'one opens a queue towards one who is being recovered, in every order',
  },
  {
    number: 69,
    mistake: 'a quota refuses before everything is swept',
    killedBy: 'a quota refuses no memory that came back unseen',
  },
  {
    number: 300,
    mistake: 'who reads a store has no hazard',
    killedBy: 'a value is read while it is replaced, in every order',
  },
  {
    number: 301,
    mistake: 'who reads a store does not look again',
    killedBy: 'a value is read while it is replaced, in every order',
  },
  {
    number: 302,
    mistake: 'who reads a store takes a node that was taken apart for the end of its bucket',
    killedBy: 'what follows a value is read while that is deleted, in every order',
  },
  {
    number: 303,
    mistake: 'a put links the node before its key and size are written',
    killedBy: 'a key is read while it is deleted and put again, in every order',
  },
  {
    number: 304,
    mistake: 'a put stamps the node with an era that is not used up',
    finding: '3',
    killedBy: 'dead at every access of a put behind others',
  },
  {
    number: 305,
    mistake: 'who reads a store lets go of a node before it is sure of the next one',
    killedBy: 'bytes that were a node are not taken for one',
  },
  {
    number: 306,
    mistake: 'a put forgets what follows the node that it replaces',
    killedBy: 'what follows a value is read while that is replaced, in every order',
  },
  {
    number: 307,
    mistake: 'a partition is taken from a writer that is not recovered',
    killedBy: 'dead at every access of a delete',
  },
  {
    number: 308,
    mistake: 'a put takes the old value away before the new one is there',
    killedBy: 'a value is read while it is replaced, in every order',
  },
  {
    number: 309,
    mistake: 'a put does not write the node back before it links it',
    killedBy: 'power off at every access of a put',
  },
  {
    number: 310,
    mistake: 'a claim on a partition is not written back',
    killedBy: 'a claim outlives its machine',
  },
  { number: 320, mistake: 'who looks at a ring does not drop its line', killedBy: 'a look is fresh' },
  { number: 321, mistake: 'who looks at a ring does not wait until its line is dropped', killedBy: 'a look is fresh' },
  { number: 322, mistake: 'a message is not written back before its entry', killedBy: 'every call crosses the device' },
  { number: 324, mistake: 'an entry is not written back', killedBy: 'a look is fresh' },
  { number: 325, mistake: "who receives does not drop the message's lines", killedBy: 'every call crosses the device' },
  {
    number: 326,
    mistake: "who receives does not wait until the message's lines are dropped",
    killedBy: 'every call crosses the device',
  },
  { number: 327, mistake: 'who listens does not write the rings back', killedBy: 'a connection used again is fresh' },
  { number: 328, mistake: 'who connects does not drop the lines of the rings', killedBy: 'a connection used again is fresh' },
  { number: 329, mistake: 'who connects does not drop the line of the descriptor', killedBy: 'a connection used again is fresh' },
  {
    number: 340,
    mistake: 'a caller that closes does not write back what it did not send',
    killedBy: 'what was not sent harms nobody',
  },
  {
    number: 341,
    mistake: 'a server that closes does not write back what it did not send',
    killedBy: 'what was not sent harms nobody',
  },
  {
    number: 342,
    mistake: 'recovery does not write back what a dead server had prepared',
    killedBy: 'what the dead did not send harms nobody',
  },
  {
    number: 343,
    mistake: 'who receives in the faithful layout does not drop the line of the header',
    killedBy: 'every call crosses the device',
  },
  {
    number: 344,
    mistake: 'who receives in the faithful layout does not wait until the line of the header is dropped',
    killedBy: 'every call crosses the device',
  },
  {
    number: 345,
    mistake: "who receives in the faithful layout does not drop the payload's lines",
    killedBy: 'every call crosses the device',
  },
  {
    number: 346,
    mistake: "who receives in the faithful layout does not wait until the payload's lines are dropped",
    killedBy: 'every call crosses the device',
  },
  { number: 347, mistake: 'who reads an offer does not wait until its line is dropped', killedBy: 'an offer is read fresh' },
  { number: 348, mistake: 'an offer is not written back', killedBy: 'an offer is read fresh' },
  { number: 349, mistake: 'the sequence of an entry carries into its phase', killedBy: 'counters wrap' },
  { number: 350, mistake: 'a fenced client closes what is another’s by now', killedBy: 'a fenced client closes nothing' },
  { number: 360, mistake: 'what is sent again stays in the cache', killedBy: 'what is sent again arrives' },
  {
    number: 361,
    mistake: 'an entry that goes past the caches does not wait for its message',
    killedBy: 'every call crosses the device',
  },
  {
    number: 362,
    mistake: 'what a program wrote into a buffer is taken for something that went past the caches',
    killedBy: 'what programs write arrives',
  },
  { number: 370, mistake: 'a call is given up in the next lap', killedBy: 'what is given up is executed once at most' },
] as const;

export interface Mutant {
  readonly number: number;
  readonly mistake: string;
  readonly finding?: string;
  /** Name of the check that notices it. */
  readonly killedBy: string;
}

/** docs/mutants.md. */
export function mutantsDocument(all: readonly Mutant[] = mutants): string {
  return [
    '# Mutants',
    '',
    'Deliberate mistakes that can be switched on in the simulated build of the core, by number, and the check that notices each: a test',
    'of the tests. `agent/test/sim/mutants.interleave.test.ts` runs every check with its mistake and fails when nothing is noticed, or when',
    'the core asks for a number that is not in this list. Printed from `agent/test/sim/mutants.ts` by that test (`vitest run -u`).',
    '',
    'Those that leave out a flush or a fence, numbers 100 to 199, stand in `agent/test/sim/heap/cache/flush-mutants.ts`, each with the check',
    'that loses something without it.',
    '',
    'Finding: what the mistake stands for in published systems: a defect of an artifact of CXL-SHM or its ports by number, or the rule of',
    'the protocol that forbids it.',
    '',
    '| number | mistake | finding | noticed by |',
    '|---:|---|---|---|',
    ...all.map(({ number, mistake, finding = '', killedBy }) => `| ${number} | ${mistake} | ${finding} | ${killedBy} |`),
    '',
  ].join('\n');
}
