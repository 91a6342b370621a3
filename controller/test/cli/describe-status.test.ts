import { expect, test } from 'vitest';
import { describeStatus } from '../../src/cli/describe-status.ts';
import type { Environment } from '../../src/provider/provider.ts';

const environment: Environment = {
  provider: 'local',
  accelerator: 'none',
  acceleratorReason: '',
  hostCores: 2,
  hostCpu: '',
  guestCpus: 2,
  versions: { controller: null, node: null, qemu: null, kernel: null, guestNode: null, image: null },
};
const headOf = (provider: string, of: Environment | null): string =>
  describeStatus({ pod: 'mine', phase: 'up', provider, startedAt: 'today', environment: of, gate: null, machines: [] }).split(
    '\n',
  )[0]!;

test('the head of a status says what the machines of the pod are', () => {
  expect(headOf('local', environment)).toBe('pod mine: up since today (local: processes of this host, 2 cores)');
  expect(headOf('qemu', { ...environment, accelerator: 'kvm' })).toContain('(qemu: virtual machines (KVM), 2 cores)');
  expect(headOf('qemu', { ...environment, accelerator: 'tcg' })).toContain(
    '(qemu: virtual machines on emulated CPUs (TCG), 2 cores)',
  );
  expect(headOf('qemu', null)).toContain('(qemu)');
});
