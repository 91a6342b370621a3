import type { PoolInspection } from '@cxlpod/agent/inspect';
import type { AuditedPool } from './evidence.ts';

/** Of the heap only the figures: pool/audit.json has the rest. */
export function auditedPool({ problems, findings, unsettled, heap }: PoolInspection): AuditedPool {
  const figures = heap && { objects: heap.objects, unreachable: heap.unreachable, corpses: heap.corpses };
  return { problems, findings, unsettled, heap: figures };
}
