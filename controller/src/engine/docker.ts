import Docker from 'dockerode';
import type { Container, ContainerPlan, ContainerState, Engine, EngineImage, Network } from './engine.ts';
import { engineError, isConflict, isGone, orNameTaken } from './engine-error.ts';

/** The engine at DOCKER_HOST, or at the usual socket. Says nothing to it yet. */
export function connectEngine(): Engine {
  return new DockerEngine(new Docker({ timeout: requestTimeoutMs }), new Docker());
}

/** Longer than any answer of an engine under load. */
const requestTimeoutMs = 30_000;

/** In microseconds, as the kernel has it by default. */
const quotaPeriodUs = 100_000;
const noQuota = -1;

class DockerEngine implements Engine {
  readonly #docker: Docker;
  /** Without a time limit: waiting for a container's end lasts as long as the container. */
  readonly #patient: Docker;

  constructor(docker: Docker, patient: Docker) {
    this.#docker = docker;
    this.#patient = patient;
  }

  async version(): Promise<{ version: string; apiVersion: string }> {
    const { Version, ApiVersion } = await told('ask the engine for its version', this.#docker.version());
    return { version: Version, apiVersion: ApiVersion };
  }

  async findImage(reference: string): Promise<EngineImage | null> {
    const info = await unlessGone(told(`look up image ${reference}`, this.#docker.getImage(reference).inspect()));
    if (info === null) return null;
    return { id: info.Id, tags: info.RepoTags ?? [], labels: info.Config.Labels ?? {} };
  }

  async createContainer(plan: ContainerPlan): Promise<Container> {
    const created = told(`create container ${plan.name}`, this.#docker.createContainer(createOptions(plan)));
    const container = await created.catch((error: unknown) => {
      throw orNameTaken(error, 'container', plan.name);
    });
    return this.container(container.id);
  }

  container(idOrName: string): Container {
    return new DockerContainer(this.#docker.getContainer(idOrName), this.#patient.getContainer(idOrName));
  }

  async listContainers(label: string, value?: string) {
    const filters = { label: [labelFilter(label, value)] };
    const found = await told('list containers', this.#docker.listContainers({ all: true, filters }));
    return found.map(({ Id, Names, State, Labels }) => ({
      id: Id,
      name: (Names[0] ?? Id).replace(/^\//, ''),
      running: State === 'running',
      labels: Labels,
    }));
  }

  async createNetwork({ name, labels }: { name: string; labels: Readonly<Record<string, string>> }): Promise<Network> {
    const plan = { Name: name, Labels: { ...labels }, Driver: 'bridge', CheckDuplicate: true };
    await told(`create network ${name}`, this.#docker.createNetwork(plan)).catch((error: unknown) => {
      throw orNameTaken(error, 'network', name);
    });
    const network = await this.findNetwork(name);
    if (network === null) throw engineError(`create network ${name}`, new Error('it is not there afterwards'));
    return network;
  }

  async findNetwork(name: string): Promise<Network | null> {
    const what = `inspect network ${name}`;
    const info = (await unlessGone(told(what, this.#docker.getNetwork(name).inspect()))) as NetworkInfo | null;
    if (info === null) return null;
    const subnet = info.IPAM?.Config?.[0]?.Subnet;
    if (subnet === undefined) throw engineError(what, new Error('the engine gave it no subnet'));
    return { id: info.Id, name, subnet };
  }

  async listNetworks(label: string, value?: string) {
    const filters = { label: [labelFilter(label, value)] };
    const found = await told('list networks', this.#docker.listNetworks({ filters }));
    return found.map(({ Id, Name, Labels }) => ({ id: Id, name: Name, labels: Labels ?? {} }));
  }

  async removeNetwork(id: string): Promise<void> {
    await unlessGone(told(`remove network ${id}`, this.#docker.getNetwork(id).remove()));
  }
}

interface NetworkInfo {
  readonly Id: string;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] };
}

class DockerContainer implements Container {
  readonly #container: Docker.Container;
  readonly #patient: Docker.Container;

  constructor(container: Docker.Container, patient: Docker.Container) {
    this.#container = container;
    this.#patient = patient;
  }

  get id(): string {
    return this.#container.id;
  }

  async start(): Promise<void> {
    await told(`start container ${this.id}`, this.#container.start());
  }

  async inspect(): Promise<ContainerState | null> {
    const info = await unlessGone(told(`inspect container ${this.id}`, this.#container.inspect()));
    if (info === null) return null;
    const publishedPorts: Record<number, number> = {};
    for (const [port, bindings] of Object.entries(info.NetworkSettings.Ports ?? {})) {
      const hostPort = bindings?.[0]?.HostPort;
      if (hostPort !== undefined) publishedPorts[Number.parseInt(port, 10)] = Number(hostPort);
    }
    const { Running, Paused, ExitCode, Error: error } = info.State;
    return { running: Running, paused: Paused, exitCode: ExitCode, error, publishedPorts };
  }

  async ended(signal?: AbortSignal): Promise<number> {
    const wait = this.#patient.wait({ condition: 'not-running', ...(signal === undefined ? {} : { abortSignal: signal }) });
    const result = await unlessGone(told(`wait for container ${this.id}`, wait as Promise<{ StatusCode: number }>));
    return result?.StatusCode ?? 0;
  }

  async kill(): Promise<void> {
    await unlessNotRunning(told(`kill container ${this.id}`, this.#container.kill({ signal: 'SIGKILL' })));
  }

  async pause(): Promise<void> {
    await unlessAlready(told(`pause container ${this.id}`, this.#container.pause()), async () => this.#isPaused(true));
  }

  async unpause(): Promise<void> {
    await unlessAlready(told(`unpause container ${this.id}`, this.#container.unpause()), async () => this.#isPaused(false));
  }

  async limitCpus(cpus: number | null): Promise<void> {
    const quota = cpus === null ? noQuota : Math.round(cpus * quotaPeriodUs);
    const limits = { CpuPeriod: quotaPeriodUs, CpuQuota: quota };
    await told(`limit the CPUs of container ${this.id}`, this.#container.update(limits));
  }

  async throttledPeriods(): Promise<number> {
    const options = { stream: false, 'one-shot': true } as const;
    const { cpu_stats } = await told(`read the figures of container ${this.id}`, this.#container.stats(options));
    return cpu_stats.throttling_data.throttled_periods;
  }

  async #isPaused(wanted: boolean): Promise<boolean> {
    return (await this.inspect())?.paused === wanted;
  }

  async remove(): Promise<void> {
    await unlessNotRunning(told(`remove container ${this.id}`, this.#container.remove({ force: true, v: true })));
  }

  async logTail(lines: number): Promise<string> {
    const options = { stdout: true, stderr: true, follow: false, tail: lines } as const;
    const bytes = await unlessGone(told(`read the log of container ${this.id}`, this.#container.logs(options)));
    return bytes === null ? '' : withoutStreamHeaders(bytes);
  }
}

function createOptions(plan: ContainerPlan): Docker.ContainerCreateOptions {
  const ports = plan.publish.map((port) => `${port}/tcp`);
  return {
    name: plan.name,
    Image: plan.image,
    Cmd: [...plan.command],
    Labels: { ...plan.labels },
    ...(plan.hostName === undefined ? {} : { Hostname: plan.hostName }),
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: {
      NetworkMode: plan.network ?? 'none',
      Binds: plan.binds.map(({ from, to, readOnly }) => `${from}:${to}${readOnly === true ? ':ro' : ''}`),
      Devices: plan.devices.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })),
      CapDrop: ['ALL'],
      CapAdd: [...plan.capabilities],
      PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostIp: '127.0.0.1', HostPort: '' }]])),
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '4m' } },
    },
  };
}

function labelFilter(label: string, value: string | undefined): string {
  return value === undefined ? label : `${label}=${value}`;
}

async function told<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw engineError(what, error);
  }
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** The engine refuses to pause what is paused, and the reverse; that is no failure, other refusals are. */
async function unlessAlready(answer: Promise<unknown>, isSo: () => Promise<boolean>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(await isSo())) throw error;
  }
}

/** Killing what has ended, or removing what is being removed, is not a failure. */
async function unlessNotRunning(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!isGone(error) && !isConflict(error)) throw error;
  }
}

/** Logs of a container without a terminal come in frames: 8 bytes of header (the last 4 are the length), then the text. */
function withoutStreamHeaders(bytes: Buffer): string {
  const texts: Buffer[] = [];
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const lengthBytes = bytes.readUInt32BE(offset + 4);
    texts.push(bytes.subarray(offset + 8, offset + 8 + lengthBytes));
    offset += 8 + lengthBytes;
  }
  return Buffer.concat(texts).toString('utf8');
}
