import type { ClientIdentity } from '@cxlpod/agent/protocol';
import type { Stamp } from '../traces/align-clocks.ts';

export const fencePolicies = ['observed-end', 'on-suspicion'] as const;
/**
 * Who ends a machine that is suspected: nobody, it must have ended (`observed-end`); or the service powers it off when its agent does not
 * answer either (`on-suspicion`). In both its clients are recovered only after its end was seen.
 */
export type FencePolicy = (typeof fencePolicies)[number];

export interface RecoveryPolicy {
  readonly fence: FencePolicy;
  /** How long a client's heart may stand still before it is suspected. */
  readonly leaseMs: number;
}

/** What became of one client that was suspected, or whose machine ended. Stamps are of the controller's clock. */
export interface RecoveryOutcome extends ClientIdentity {
  readonly machine: string;
  /**
   * `slow`: its heart beats again. `gone`: it left, or somebody else recovered it. `pending`: nobody could say that its machine has ended,
   * or recover it; what it held stays quarantined.
   */
  readonly state: 'recovered' | 'slow' | 'gone' | 'pending';
  /** Null for one that was recovered before anybody suspected it. */
  readonly suspectedAt: Stamp | null;
  /** When the provider said that its machine has ended. */
  readonly endSeenAt: Stamp | null;
  /** When the grant went to an agent that lives. */
  readonly fencedAt: Stamp | null;
  readonly recoveredAt: Stamp | null;
  /** The machine whose agent recovered it. */
  readonly by: string | null;
  /** Why it is pending. */
  readonly because: string | null;
}
