import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Container, Engine } from '../../engine/engine.ts';
import { type CxlpodError, environmentError } from '../../errors/cxlpod-error.ts';
import { connectQmp, type Qmp } from '../../qmp/qmp.ts';
import { connectSsh, type SshSession } from '../../ssh/ssh.ts';
import { packTar } from '../../ssh/tar.ts';
import type { Machine, MachineLog, MachinePlan } from '../provider.ts';
import { readFileFrom } from '../read-file-from.ts';
import { inWorkerCgroup } from '../worker-cgroup.ts';
import { linkIds, sshPort } from './command-line.ts';
import { readPodKeys } from './pod-keys.ts';
import { consoleTail, panicked, readConsole, watchConsole } from './watch-console.ts';

/** What `up` leaves for later controllers, in the machine's folder. */
export interface MachineRecord {
  readonly container: string;
  readonly podAddress: string;
}

/** Places in the guest (images/README.md). */
const guest = {
  pool: '/dev/cxlpod-pool',
  history: '/dev/cxlpod-history',
  agentFolder: '/run/cxlpod/agent',
  socket: '/run/cxlpod/agent.sock',
  log: '/run/cxlpod/agent.log',
  pidFile: '/run/cxlpod/agent.pid',
  cgroup: '/sys/fs/cgroup/cxlpod',
} as const;

/** A boot that falls silent is tried once more: seen about once in forty boots on over-committed cores. */
const bootAttempts = 2;
const reconnectDeadlineMs = 30_000;
const qemuLogLines = 200;
/** Of a CPU quota. */
const periodUs = 100_000;
const agentLogLines = 20;
/** Without another program: to start one takes an emulated machine some 20 ms of the CPU that the agent needs to start. */
const agentLives = `{ read -r agent <${guest.pidFile}; } 2>/dev/null && kill -0 "$agent" 2>/dev/null`;
const tailAgentLog = `tail -n ${agentLogLines} ${guest.log}`;

export class QemuMachine implements Machine {
  readonly name: string;
  readonly number: number;
  readonly agentFolder = guest.agentFolder;
  readonly poolPath = guest.pool;
  readonly historyPath = guest.history;
  readonly podAddress: string;
  readonly #plan: MachinePlan;
  readonly #folder: string;
  readonly #container: Container;
  #booted: boolean;
  #bootRestarts = 0;
  #connecting = new AbortController();
  #ssh: Promise<SshSession> | null = null;
  #qmp: Promise<Qmp> | null = null;

  /** `booted`: it was ready before, as a machine of a pod that is up. */
  constructor(plan: MachinePlan, folder: string, engine: Engine, record: MachineRecord, booted: boolean) {
    this.#booted = booted;
    this.name = plan.name;
    this.number = plan.number;
    this.podAddress = record.podAddress;
    this.#plan = plan;
    this.#folder = folder;
    this.#container = engine.container(record.container);
  }

  get bootRestarts(): number {
    return this.#bootRestarts;
  }

  async ready(signal: AbortSignal, onState: (state: string) => void): Promise<void> {
    for (let attempt = 1; (await this.#boot(signal, onState)) === 'silent'; attempt++) {
      const { consoleSilenceMs } = this.#plan.topology.timeouts;
      const silent = `its console was silent for ${consoleSilenceMs / 1000} s`;
      if (attempt === bootAttempts) {
        throw environmentError('GUEST_SILENT', `${this.name} did not boot: ${silent}, ${bootAttempts} times`, {
          cause: new Error((await this.#consoleTail()) || 'it never wrote anything'),
          hint: `${readConsole(this.name)}; a topology's own kernel must be an uncompressed vmlinux`,
        });
      }
      onState(`${silent}: starting it once more`);
      await this.#startAgain();
    }
    this.#booted = true;
    onState('the guest is ready');
    await this.#session({ deadlineMs: this.#plan.topology.timeouts.bootMs, signal });
  }

  /** All in one program: under TCG each exec costs some 50 ms. */
  async upload(files: readonly { readonly from: string; readonly to: string; readonly executable: boolean }[]): Promise<void> {
    const archive = packTar(
      await Promise.all(files.map(async ({ from, to, executable }) => ({ path: to, bytes: await readFile(from), executable }))),
    );
    const script = `mkdir -p ${guest.agentFolder} && exec tar -x -C ${guest.agentFolder}`;
    const session = await this.#session();
    const { exitCode, stderr } = await session.exec(['sh', '-c', script], { stdin: archive });
    if (exitCode !== 0) throw this.#failed('UPLOAD_FAILED', 'the agent could not be uploaded', stderr);
  }

  async exec(argv: readonly string[], options: { readonly timeoutMs?: number; readonly stdin?: string } = {}) {
    return (await this.#session()).exec(argv, options);
  }

  async startAgent(): Promise<void> {
    const agent = `${guest.agentFolder}/agent.mjs --socket ${guest.socket} --folder ${guest.agentFolder} --log ${guest.log}`;
    const own = `--machine ${this.name} --cgroup ${guest.cgroup}`;
    // A session of its own, and no stream of this channel kept open: it outlives the connection. Waiting happens there, since each
    // question over ssh costs more than the answer is worth.
    const script = [
      `rm -f ${guest.socket} ${guest.pidFile}`,
      `setsid -f sh -c 'echo $$ >${guest.pidFile}; exec node ${agent} ${own}' </dev/null >>${guest.log} 2>&1`,
      `until [ -S ${guest.socket} ]; do sleep 0.2; [ -s ${guest.pidFile} ] || continue; ${agentLives} || { ${tailAgentLog}; exit 1; }; done`,
    ].join('; ');
    const { exitCode, stdout, stderr } = await this.exec(['sh', '-c', script], {
      timeoutMs: this.#plan.topology.timeouts.agentMs,
    });
    if (exitCode !== 0) throw this.#failed('AGENT_DIED', `the agent of ${this.name} ended at its start`, stdout + stderr);
  }

  async connectAgent(): Promise<Duplex> {
    return (await this.#session()).openUnixSocket(guest.socket);
  }

  async shell(): Promise<number> {
    return (await this.#session()).shell();
  }

  async powerOff(how: 'kill' | 'monitor' = 'kill'): Promise<void> {
    await (how === 'kill' ? this.#container.kill() : (await this.#monitor()).quit());
    await this.#container.ended();
    this.#giveUpConnecting();
  }

  async powerOn(): Promise<void> {
    // Connections to the machine as it was.
    await this.close();
    this.#booted = false;
    await this.#startContainer(`console.before-${Date.now()}.log`);
  }

  async isAlive(): Promise<boolean> {
    return (await this.#container.inspect())?.running === true;
  }

  async whyUnreachable(): Promise<CxlpodError | null> {
    if (!(await this.isAlive())) return this.#ended();
    try {
      // The empty line tells the end of an agent that never wrote any.
      const script = `${agentLives} || { echo; ${tailAgentLog}; }`;
      const { stdout } = await this.exec(['sh', '-c', script], { timeoutMs: reconnectDeadlineMs });
      if (stdout === '') return null;
      return this.#failed('AGENT_DIED', `the agent of ${this.name} has ended`, stdout);
    } catch {
      // A machine that runs and does not answer may only be slow, paused or cut off.
      return null;
    }
  }

  async pause(how: 'cpus' | 'container' = 'cpus'): Promise<void> {
    await (how === 'container' ? this.#container.pause() : (await this.#monitor()).pause());
  }

  async resume(how: 'cpus' | 'container' = 'cpus'): Promise<void> {
    await (how === 'container' ? this.#container.unpause() : (await this.#monitor()).resume());
  }

  async isFrozen(): Promise<boolean> {
    if ((await this.#container.inspect())?.paused === true) return true;
    return (await (await this.#monitor()).queryStatus()) === 'paused';
  }

  async limitCpu(share: number | null, pid?: number): Promise<void> {
    if (pid === undefined) return this.#container.limitCpus(share);
    const quotaUs = share === null ? 'max' : Math.round(share * periodUs);
    await this.#inWorkerCgroup(pid, `echo "${quotaUs} ${periodUs}" > $c/cpu.max`);
  }

  async throttledPeriods(pid?: number): Promise<number> {
    if (pid === undefined) return this.#container.throttledPeriods();
    return Number(await this.#inWorkerCgroup(pid, `sed -n 's/^nr_throttled //p' $c/cpu.stat`));
  }

  async #inWorkerCgroup(pid: number, script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.exec(['sh', '-c', inWorkerCgroup(pid, 'cpu', script)], {
      timeoutMs: reconnectDeadlineMs,
    });
    if (exitCode !== 0)
      throw this.#failed('NO_CGROUP', `worker process ${pid} of ${this.name} has no cgroup that can be limited`, stderr);
    return stdout;
  }

  async killAgent(): Promise<void> {
    // Without its device it may have ended a moment ago.
    const script = `kill -9 "$(cat ${guest.pidFile})" 2>/dev/null; while ${agentLives}; do sleep 0.02; done`;
    const { exitCode, stderr } = await this.exec(['sh', '-c', script], { timeoutMs: reconnectDeadlineMs });
    if (exitCode !== 0) throw this.#failed('AGENT_NOT_KILLED', `the agent of ${this.name} could not be killed`, stderr);
  }

  async monitor(command: string, parameters: object): Promise<unknown> {
    return (await this.#monitor()).execute(command, parameters);
  }

  async setLink(network: 'control' | 'pod', up: boolean): Promise<void> {
    await (await this.#monitor()).setLink(linkIds[network], up);
  }

  async readLog(log: MachineLog, fromByte = 0): Promise<Buffer> {
    if (log === 'console') return readFileFrom(this.#consolePath, fromByte);
    if (log === 'qemu') return Buffer.from(await this.#container.logTail(qemuLogLines)).subarray(fromByte);
    if (!this.#booted || !(await this.isAlive())) return Buffer.alloc(0);
    const { stdout } = await this.exec(['tail', '-c', `+${fromByte + 1}`, guest.log]);
    return Buffer.from(stdout);
  }

  async close(): Promise<void> {
    this.#giveUpConnecting();
    const [ssh, qmp] = await Promise.all([this.#ssh?.catch(() => null), this.#qmp?.catch(() => null)]);
    ssh?.close();
    qmp?.close();
    this.#ssh = null;
    this.#qmp = null;
  }

  /** Whoever lost a connection because the machine ended tries at once to have another, which nothing answers. */
  #giveUpConnecting(): void {
    this.#connecting.abort();
    this.#connecting = new AbortController();
  }

  get #consolePath(): string {
    return join(this.#folder, 'console.log');
  }

  /** Waits for the guest's own word, and for QEMU's end beside it, which is noticed at once. */
  async #boot(signal: AbortSignal, onState: (state: string) => void) {
    const decided = new AbortController();
    const stop = AbortSignal.any([signal, decided.signal]);
    const ended = this.#container.ended(stop).then(
      async () => Promise.reject((await this.#ended())!),
      (error: unknown) => (stop.aborted ? new Promise<never>(() => {}) : Promise.reject(error)),
    );
    const silenceMs = this.#plan.topology.timeouts.consoleSilenceMs;
    const watching = watchConsole({ machine: this.name, path: this.#consolePath, silenceMs, signal: stop, onState });
    try {
      return await Promise.race([watching, ended]);
    } finally {
      decided.abort();
      watching.catch(() => {});
      ended.catch(() => {});
    }
  }

  async #startAgain(): Promise<void> {
    this.#bootRestarts++;
    await this.powerOff();
    await this.#startContainer(`console.${this.#bootRestarts}.log`);
  }

  /** What the machine said so far must not be taken for what it says now. */
  async #startContainer(keepConsoleAs: string): Promise<void> {
    await rename(this.#consolePath, join(this.#folder, keepConsoleAs)).catch(() => {});
    await rm(join(this.#folder, 'qmp.sock'), { force: true });
    await this.#container.start();
  }

  /** The open connection, or a new one when there is none or it was lost. */
  #session(options: { deadlineMs: number; signal?: AbortSignal } = { deadlineMs: reconnectDeadlineMs }): Promise<SshSession> {
    const previous = this.#ssh;
    const next = (async () => {
      const session = await previous?.catch(() => null);
      return session?.isOpen === true ? session : this.#connect(options);
    })();
    this.#ssh = next;
    return next;
  }

  async #connect({ deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal }): Promise<SshSession> {
    const given = signal === undefined ? [] : [signal];
    const stop = AbortSignal.any([...given, this.#connecting.signal]);
    const state = await this.#container.inspect();
    const port = state?.publishedPorts[sshPort];
    if (state?.running !== true || port === undefined) throw await this.#ended();
    const { clientPrivateKey, hostPublicKey } = await readPodKeys(this.#plan.paths);
    const target = { machine: this.name, host: '127.0.0.1', port, privateKey: clientPrivateKey, hostPublicKey };
    return connectSsh(target, { deadlineMs, signal: stop });
  }

  #monitor(): Promise<Qmp> {
    this.#qmp ??= connectQmp(join(this.#folder, 'qmp.sock')).then((qmp) => {
      void qmp.closed.then(() => {
        this.#qmp = null;
      });
      return qmp;
    });
    this.#qmp.catch(() => {
      this.#qmp = null;
    });
    return this.#qmp;
  }

  async #ended(): Promise<CxlpodError> {
    const state = await this.#container.inspect();
    const said = (await this.#container.logTail(qemuLogLines).catch(() => '')).trim();
    const how = state === null ? 'its container is gone' : state.error || `QEMU ended with exit code ${state.exitCode}`;
    const words = [how, said, await this.#consoleTail()].filter((text) => text !== '').join('\n');
    const cause = new Error(words);
    const hint = readConsole(this.name);
    if (panicked.test(words)) return environmentError('GUEST_PANIC', `the kernel of ${this.name} panicked`, { cause, hint });
    return environmentError('MACHINE_ENDED', `${this.name} has ended`, { cause, hint });
  }

  async #consoleTail(): Promise<string> {
    return consoleTail((await this.readLog('console')).toString('utf8'));
  }

  #failed(code: string, message: string, output: string): CxlpodError {
    return environmentError(code, message, {
      cause: new Error(output.trim() || 'it said nothing'),
      hint: `cxlpod logs ${this.name} --name ${this.#plan.pod}`,
    });
  }
}

export async function writeMachineRecord(folder: string, record: MachineRecord): Promise<void> {
  await writeFile(join(folder, 'machine.json'), JSON.stringify(record));
}

export async function readMachineRecord(plan: MachinePlan, folder: string): Promise<MachineRecord> {
  try {
    return JSON.parse(await readFile(join(folder, 'machine.json'), 'utf8')) as MachineRecord;
  } catch (error) {
    throw environmentError('MACHINE_UNKNOWN', `${plan.name} of pod ${plan.pod} was never started`, {
      cause: error,
      hint: `cxlpod down --name ${plan.pod}, then cxlpod up`,
    });
  }
}
