/** What the checks of the heap have in common: what the audit found there, by kind. */
import type { Finding, ProblemKind } from '@cxlpod/agent/inspect';
import type { AuditedPool, Evidence, Judgement } from '../runs/evidence.ts';
import { unknown } from './check.ts';

interface AuditedHeap {
  readonly heap: NonNullable<AuditedPool['heap']>;
  readonly findings: readonly Finding[];
}

export function judgeHeap({ pool }: Evidence, judge: (audited: AuditedHeap) => Judgement): Judgement {
  if (pool === null) return unknown('The pool could not be read.');
  const { heap, findings, unsettled } = pool;
  if (heap === undefined) return unknown('The pool has no heap that could be recounted.');
  const judgement = judge({ heap, findings });
  if (judgement.verdict === 'valid' && unsettled > 0) {
    return unknown(`Clients were still at work: ${unsettled} counts may be those between two steps.`, { unsettled });
  }
  return judgement;
}

export function findingsOf(findings: readonly Finding[], kinds: readonly ProblemKind[]): readonly Finding[] {
  return findings.filter(({ kind }) => kinds.includes(kind));
}

/** The first sentence of each kind, and how many there are. */
export function tell(findings: readonly Finding[]): string {
  return findings.map(({ count, sentences }) => (count === 1 ? sentences[0]! : `${count} times, as ${sentences[0]}`)).join('; ');
}
