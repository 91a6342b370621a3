import { layoutHash } from '@cxlpod/agent/layout';

/** What this build means by the bytes of a pool; an agent of another meaning is refused. */
export function ourLayout(): string {
  return layoutHash;
}
