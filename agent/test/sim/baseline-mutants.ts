/** Deliberate mistakes in the heap with a lock, by number; the tests of baselines.*.test.ts must notice each. */
export const mistakes = [
  { number: 200, mistake: 'writes are made without a commit' },
  { number: 201, mistake: 'who opens the heap after a full stop does not replay the log' },
  { number: 203, mistake: 'writes are made before the commit' },
  { number: 204, mistake: 'the log is closed before its writes are made' },
  { number: 205, mistake: 'the lock is taken over from the dead while others live' },
] as const;

export type Mistake = (typeof mistakes)[number]['number'];

/** These need a schedule in which two come at once. */
export const lockTakenByStore = 202;
export const lockTakenOverByStore = 206;
