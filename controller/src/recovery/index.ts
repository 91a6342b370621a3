export { type FencePolicy, fencePolicies, type RecoveryOutcome, type RecoveryPolicy } from './outcome.ts';
export { type RecoverablePod, type RecoveryService, startRecovery } from './recovery-service.ts';
