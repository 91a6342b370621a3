/** What a check is: one file each, listed in `index.ts`. Pure: evidence in, judgement out. */
import type { Evidence, Judgement } from '../runs/evidence.ts';

export interface Check {
  readonly name: string;
  /** What must hold, in a sentence. */
  readonly sentence: string;
  check(evidence: Evidence): Judgement;
}

export function valid(sentence: string, evidence: Judgement['evidence'] = {}): Judgement {
  return { verdict: 'valid', sentence, evidence };
}

/** The system under test is wrong. */
export function invalid(sentence: string, evidence: Judgement['evidence'] = {}): Judgement {
  return { verdict: 'invalid', sentence, evidence };
}

/** The evidence does not say. */
export function unknown(sentence: string, evidence: Judgement['evidence'] = {}): Judgement {
  return { verdict: 'unknown', sentence, evidence };
}
