/**
 * QEMU's command line. A pure function of the topology and where things are in the container; the reasons for each argument, and the
 * PCI addresses that are a contract with the guest, are in images/README.md.
 */
import type { Topology } from '../../config/topology.ts';

/** Where createMachine mounts what, in the container. */
export const inContainer = {
  /** The machine's folder on the host: console, monitor, keys. */
  machine: '/machine',
  /** The pod's folder on the tmpfs. */
  pool: '/pool',
  /** A kernel of the user's own. */
  kernel: '/cxlpod/own-kernel',
} as const;

/** Of the shared device: the only name that is the same in all guests. */
export const deviceSerial = '0xc1ae0001';
export const sshPort = 22;
/** Ids of network devices, for QMP `set_link`. */
export const linkIds = { control: 'control', pod: 'pod' } as const;

export interface QemuPlan {
  readonly machine: string;
  /** From 1. */
  readonly number: number;
  readonly topology: Topology;
  readonly accelerator: 'kvm' | 'tcg';
  /** On the pod network, with its prefix length: `172.20.255.253/16`. */
  readonly podAddress: string;
}

export function qemuCommandLine(plan: QemuPlan): readonly string[] {
  const { topology } = plan;
  return [
    'qemu-system-x86_64',
    ...['-name', plan.machine],
    ...['-machine', 'q35,cxl=on,hpet=off,smbus=off,sata=off,usb=off,i8042=off,vmport=off'],
    ...acceleration(plan.accelerator, topology.machine.translationCacheBytes),
    ...['-smp', `${topology.machine.cpus},maxcpus=${topology.machine.maxCpus}`],
    ...['-m', `${inMebibytes(topology.machine.memoryBytes)}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${inContainer.machine}/console.log`],
    ...['-qmp', `unix:${inContainer.machine}/qmp.sock,server=on,wait=off`],
    ...pool(topology.pool.sizeBytes),
    ...rootDisk,
    ...networks(plan.number),
    ...history(topology.history.sizeBytes),
    ...['-fw_cfg', `name=opt/cxlpod/authorized_keys,file=${inContainer.machine}/authorized_keys`],
    ...['-fw_cfg', `name=opt/cxlpod/hostkey,file=${inContainer.machine}/hostkey`],
    ...kernel(plan),
    ...topology.qemuArguments,
  ];
}

/** What boots just far enough to know that this accelerator runs a stock kernel; its console is standard output. */
export function probeCommandLine(accelerator: 'kvm' | 'tcg'): readonly string[] {
  return [
    'qemu-system-x86_64',
    ...['-machine', 'q35', ...acceleration(accelerator, probeCacheBytes), '-smp', '1', '-m', '256M'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', '/cxlpod/vmlinux', '-initrd', '/cxlpod/initrd'],
    ...['-append', `${bootParameters} cxlpod.probe`],
  ];
}

/** The last five save about a third of the boot, or guard it on a busy host: the table of kernel parameters in images/README.md. */
const bootParameters = [
  ...['console=ttyS0', 'quiet', 'loglevel=3', 'panic=-1'],
  ...['tsc=reliable', 'no_timer_check', 'cryptomgr.notests', 'ipv6.disable=1', 'initcall_blacklist=load_system_certificate_list'],
].join(' ');

/** It ends before it has run anything twice. */
const probeCacheBytes = 64 * 1024 ** 2;

/** Never `icount`, and always one thread a CPU: else TCG's atomics are not atomic between machines. */
function acceleration(accelerator: 'kvm' | 'tcg', translationCacheBytes: number): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host,hypervisor=off']
    : ['-accel', `tcg,thread=multi,tb-size=${inMebibytes(translationCacheBytes)}`, '-cpu', 'max,hypervisor=off'];
}

/** The same file, size and serial in every machine is what makes it one device. */
function pool(sizeBytes: number): string[] {
  const backend = `memory-backend-file,id=pool,share=on,mem-path=${inContainer.pool}/pool.raw,size=${inMebibytes(sizeBytes)}M`;
  return [
    ...['-object', backend],
    ...['-device', 'pxb-cxl,id=cxl,bus=pcie.0,addr=1,bus_nr=12'],
    ...['-device', 'cxl-rp,id=rp,bus=cxl,port=0,chassis=0,slot=2'],
    ...['-device', `cxl-type3,id=device,bus=rp,volatile-memdev=pool,sn=${deviceSerial}`],
    ...['-machine', 'cxl-fmw.0.targets.0=cxl,cxl-fmw.0.size=4G'],
  ];
}

const rootDisk = [
  ...['-drive', 'if=none,id=root,file=/cxlpod/root.img,format=raw,readonly=on'],
  ...['-device', 'virtio-blk-pci,drive=root,bus=pcie.0,addr=2'],
];

function networks(number: number): string[] {
  const hardwareAddress = `52:54:00:c0:00:${number.toString(16).padStart(2, '0')}`;
  return [
    ...['-netdev', `user,id=${linkIds.control},restrict=on,hostfwd=tcp:0.0.0.0:${sshPort}-:${sshPort}`],
    ...['-device', `virtio-net-pci,id=control-nic,netdev=${linkIds.control},bus=pcie.0,addr=3,romfile=`],
    ...['-netdev', `tap,id=${linkIds.pod},ifname=tap0,script=no,downscript=no`],
    ...['-device', `virtio-net-pci,id=pod-nic,netdev=${linkIds.pod},mac=${hardwareAddress},bus=pcie.0,addr=4,romfile=`],
  ];
}

function history(sizeBytes: number): string[] {
  const backend = `memory-backend-file,id=history,share=on,mem-path=${inContainer.pool}/history.raw,size=${inMebibytes(sizeBytes)}M`;
  return ['-object', backend, '-device', 'ivshmem-plain,memdev=history,bus=pcie.0,addr=5'];
}

function kernel({ machine, topology, podAddress }: QemuPlan): string[] {
  const own = [`cxlpod.name=${machine}`, `cxlpod.serial=${deviceSerial}`, `cxlpod.pod=${podAddress}`];
  return [
    ...['-kernel', topology.kernel === null ? '/cxlpod/vmlinux' : inContainer.kernel],
    ...['-initrd', '/cxlpod/initrd'],
    ...['-append', [bootParameters, ...own].join(' ')],
  ];
}

function inMebibytes(bytes: number): number {
  return bytes / 1024 ** 2;
}
