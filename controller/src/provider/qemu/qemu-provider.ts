/** Machines that are QEMU guests, each in a container of its own (design D4, D6). */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { machineFolder, requireShortPaths, stateFolder } from '../../cluster/pod-paths.ts';
import type { Topology } from '../../config/topology.ts';
import { controllerVersion } from '../../config/version.ts';
import { connectEngine } from '../../engine/docker.ts';
import { type Engine, machineLabel, podLabel, stateLabel } from '../../engine/engine.ts';
import { environmentError } from '../../errors/cxlpod-error.ts';
import { quoteCommand } from '../../ssh/quote.ts';
import type { Environment, Machine, MachinePlan, PodPaths, Provider } from '../provider.ts';
import { createSharedFiles } from '../shared-files.ts';
import { chooseAccelerator, kvmDevice } from './choose-accelerator.ts';
import { inContainer, qemuCommandLine, sshPort } from './command-line.ts';
import { findMachineImage } from './machine-image.ts';
import { podAddress } from './pod-address.ts';
import { makePodKeys, readPodKeys } from './pod-keys.ts';
import { QemuMachine, readMachineRecord, writeMachineRecord } from './qemu-machine.ts';

const tunDevice = '/dev/net/tun';

let engine: Engine | null = null;

function theEngine(): Engine {
  engine ??= connectEngine();
  return engine;
}

export const qemuProvider: Provider = {
  name: 'qemu',

  async prepare(topology: Topology, signal: AbortSignal): Promise<Environment> {
    await theEngine().version();
    const image = await findMachineImage(theEngine(), topology.guestPackages);
    const { accelerator, reason } = await chooseAccelerator(theEngine(), image.id, topology.accelerator, signal);
    const cores = cpus();
    return {
      provider: 'qemu',
      accelerator,
      acceleratorReason: reason,
      hostCores: cores.length,
      hostCpu: cores[0]?.model ?? 'unknown',
      guestCpus: topology.machine.cpus,
      versions: {
        controller: controllerVersion(),
        node: process.version,
        qemu: image.qemuVersion,
        kernel: topology.kernel ?? image.kernelRelease,
        guestNode: image.guestNodeVersion,
        image: image.id,
      },
    };
  },

  async createShared(pod: string, topology: Topology, paths: PodPaths): Promise<void> {
    requireShortPaths(paths, topology.machines);
    await createSharedFiles(topology, paths);
    await makePodKeys(pod, paths);
    await theEngine().createNetwork({ name: networkName(pod), labels: { [podLabel]: pod, [stateLabel]: stateFolder() } });
  },

  async createMachine(plan: MachinePlan, environment: Environment): Promise<Machine> {
    const { pod, name, topology, paths } = plan;
    const folder = machineFolder(paths, name);
    const network = await networkOf(pod);
    const address = podAddress(network.subnet, plan.number);
    const accelerator = environment.accelerator === 'kvm' ? 'kvm' : 'tcg';
    const prefix = network.subnet.split('/')[1];
    const command = qemuCommandLine({
      machine: name,
      number: plan.number,
      topology,
      accelerator,
      podAddress: `${address}/${prefix}`,
    });

    await mkdir(folder, { recursive: true });
    const keys = await readPodKeys(paths);
    await writeFile(join(folder, 'authorized_keys'), `${keys.clientPublicKey}\n`, { mode: 0o600 });
    await writeFile(join(folder, 'hostkey'), keys.hostPrivateKey, { mode: 0o600 });
    await writeFile(join(folder, 'qemu.cmd'), `${quoteCommand(command)}\n`);
    const record = { container: containerName(pod, name), podAddress: address };
    await writeMachineRecord(folder, record);

    const container = await theEngine().createContainer({
      name: containerName(pod, name),
      image: environment.versions.image!,
      command,
      labels: { [podLabel]: pod, [machineLabel]: name, [stateLabel]: stateFolder() },
      hostName: name,
      network: network.name,
      binds: [
        { from: folder, to: inContainer.machine },
        { from: dirname(paths.poolFile), to: inContainer.pool },
        ...(topology.kernel === null ? [] : [{ from: topology.kernel, to: inContainer.kernel, readOnly: true }]),
      ],
      devices: [tunDevice, ...(accelerator === 'kvm' ? [kvmDevice] : [])],
      // For the bridge and tap of the pod network; and because a pod's files may belong to a user who is not root.
      capabilities: ['NET_ADMIN', 'DAC_OVERRIDE'],
      publish: [sshPort],
    });
    await container.start();
    return new QemuMachine(plan, folder, theEngine(), record, false);
  },

  async openMachine(plan: MachinePlan): Promise<Machine> {
    const folder = machineFolder(plan.paths, plan.name);
    return new QemuMachine(plan, folder, theEngine(), await readMachineRecord(plan, folder), true);
  },

  async removeAll(pod: string): Promise<readonly string[]> {
    const containers = await theEngine().listContainers(podLabel, pod);
    await Promise.all(containers.map(({ id }) => theEngine().container(id).remove()));
    const networks = await theEngine().listNetworks(podLabel, pod);
    await Promise.all(networks.map(({ id }) => theEngine().removeNetwork(id)));
    return namesOf(containers, networks);
  },

  async whatIsLeft(pod: string): Promise<readonly string[]> {
    return namesOf(await theEngine().listContainers(podLabel, pod), await theEngine().listNetworks(podLabel, pod));
  },
};

type Named = readonly { readonly name: string }[];

function namesOf(containers: Named, networks: Named): readonly string[] {
  return [...containers.map(({ name }) => `container ${name}`), ...networks.map(({ name }) => `network ${name}`)];
}

/** The pods that have containers or networks, whoever made them, with the state folder that is written on them. */
export async function labelledPods(): Promise<ReadonlyMap<string, string | null>> {
  const [containers, networks] = await Promise.all([theEngine().listContainers(podLabel), theEngine().listNetworks(podLabel)]);
  return new Map([...containers, ...networks].map(({ labels }) => [labels[podLabel]!, labels[stateLabel] ?? null]));
}

function containerName(pod: string, machine: string): string {
  return `cxlpod-${pod}-${machine}`;
}

function networkName(pod: string): string {
  return `cxlpod-${pod}`;
}

async function networkOf(pod: string) {
  const network = await theEngine().findNetwork(networkName(pod));
  if (network !== null) return network;
  throw environmentError('NETWORK_GONE', `the network of pod ${pod} is gone`, {
    hint: `cxlpod down --name ${pod}, then up again`,
  });
}
