import { describe, expect, test } from 'vitest';
import { loadTopology } from '../../src/config/load-topology.ts';
import { probeCommandLine, type QemuPlan, qemuCommandLine } from '../../src/provider/qemu/command-line.ts';
import { podAddress } from '../../src/provider/qemu/pod-address.ts';

const plan = (changes: Partial<QemuPlan> = {}): QemuPlan => ({
  machine: 'vm2',
  number: 2,
  topology: loadTopology('two'),
  accelerator: 'tcg',
  podAddress: '172.20.255.253/16',
  ...changes,
});

/** All values of an option. */
function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.flatMap((argument, index) => (argument === option ? [argv[index + 1]!] : []));
}

describe('the command line of a machine', () => {
  const argv = qemuCommandLine(plan());

  test('lets TCG emit real atomics', () => {
    expect(valuesOf(argv, '-smp')).toEqual(['1,maxcpus=2']);
    expect(valuesOf(argv, '-accel')).toEqual(['tcg,thread=multi,tb-size=112']);
    expect(argv.join(' ')).not.toContain('icount');
  });

  test('gives the translation cache the size that the topology says', () => {
    expect(valuesOf(qemuCommandLine(plan({ topology: loadTopology('three') })), '-accel')).toEqual([
      'tcg,thread=multi,tb-size=384',
    ]);
  });

  test('hides the hypervisor, else the guest kernel refuses CXL regions', () => {
    expect(valuesOf(argv, '-cpu')).toEqual(['max,hypervisor=off']);
    expect(valuesOf(qemuCommandLine(plan({ accelerator: 'kvm' })), '-cpu')).toEqual(['host,hypervisor=off']);
  });

  test('differs between machines only in name and addresses, so that the device is the same', () => {
    const other = qemuCommandLine(plan({ machine: 'vm1', number: 1, podAddress: '172.20.255.254/16' }));

    const different = argv.filter((argument, index) => argument !== other[index]);

    expect(argv).toHaveLength(other.length);
    expect(different).toHaveLength(3);
    expect(different.join(' ')).toMatch(/^vm2 .*mac=52:54:00:c0:00:02.* cxlpod.name=vm2 .*cxlpod.pod=172.20.255.253\/16$/);
  });

  test('shares pool and history as files', () => {
    const backends = valuesOf(argv, '-object').map((each) => each.split(','));

    for (const backend of backends) expect(backend).toContain('share=on');
    expect(backends.map((backend) => backend.slice(-2))).toEqual([
      ['mem-path=/pool/pool.raw', 'size=256M'],
      ['mem-path=/pool/history.raw', 'size=16M'],
    ]);
  });

  test('keeps every device at the PCI address that the guest looks for', () => {
    const addresses = valuesOf(argv, '-device').flatMap((device) => {
      const address = /bus=pcie\.0,.*?addr=(\d+)/.exec(device)?.[1];
      return address === undefined ? [] : [[device.split(',')[0], Number(address)]];
    });

    expect(addresses).toEqual([
      ['pxb-cxl', 1],
      ['virtio-blk-pci', 2],
      ['virtio-net-pci', 3],
      ['virtio-net-pci', 4],
      ['ivshmem-plain', 5],
    ]);
  });

  test('names the keys by file, so that no log shows them', () => {
    for (const value of valuesOf(argv, '-fw_cfg')) expect(value).toMatch(/^name=opt\/cxlpod\/\w+,file=/);
  });

  test('ends with the arguments of the topology, and takes its kernel', () => {
    const topology = { ...loadTopology('two'), kernel: '/home/me/vmlinux', qemuArguments: ['-d', 'guest_errors'] };

    const own = qemuCommandLine(plan({ topology }));

    expect(own.slice(-2)).toEqual(['-d', 'guest_errors']);
    expect(valuesOf(own, '-kernel')).toEqual(['/cxlpod/own-kernel']);
  });

  test('passes maxCpus 1 on, for the gate to refuse', () => {
    expect(valuesOf(qemuCommandLine(plan({ topology: loadTopology('one-cpu') })), '-smp')).toEqual(['1,maxcpus=1']);
  });
});

test('a probe boots the same kernel without disk, network or pool', () => {
  const argv = probeCommandLine('kvm');

  expect(valuesOf(argv, '-append')[0]).toContain('cxlpod.probe');
  expect(argv).not.toContain('-object');
  expect(argv).not.toContain('-netdev');
});

describe('a guest’s address on the pod network', () => {
  test.each([
    ['172.18.0.0/16', 1, '172.18.255.254'],
    ['172.18.0.0/16', 16, '172.18.255.239'],
    ['192.168.16.0/20', 3, '192.168.31.252'],
    ['10.0.0.0/8', 2, '10.255.255.253'],
    ['192.168.1.128/26', 1, '192.168.1.190'],
  ])('in %s, for machine %i, is %s', (subnet, number, expected) => {
    expect(podAddress(subnet, number)).toBe(expected);
  });

  test('is refused where it would meet those that Docker gives away', () => {
    expect(() => podAddress('192.168.1.0/28', 8)).toThrow('no room');
  });
});
