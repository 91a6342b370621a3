import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type CxlpodError, environmentError, usageError } from '../../errors/cxlpod-error.ts';
import { runHostProgram } from '../../programs/run-host-program.ts';
import { hold } from '../../steps/hold.ts';
import {
  continueProcesses,
  findProcesses,
  isStill,
  killAll,
  killProcesses,
  markedEnvironment,
  stopProcesses,
} from '../processes.ts';
import type { Machine, MachineLog, MachinePlan } from '../provider.ts';
import { readFileFrom } from '../read-file-from.ts';
import { type Brake, brakeProcesses } from './brake.ts';

const logTailLines = 20;

export class LocalMachine implements Machine {
  readonly name: string;
  readonly number: number;
  readonly agentFolder: string;
  readonly poolPath: string;
  readonly historyPath: string;
  readonly podAddress = '127.0.0.1';
  readonly bootRestarts = 0;
  readonly #pod: string;
  readonly #folder: string;
  readonly #logFile: string;
  /** By process; of the whole machine: null. */
  readonly #brakes = new Map<number | null, Brake>();
  #throttledBefore = 0;

  constructor(plan: MachinePlan, folder: string) {
    this.name = plan.name;
    this.number = plan.number;
    this.agentFolder = join(folder, 'agent');
    this.poolPath = plan.paths.poolFile;
    this.historyPath = plan.paths.historyFile;
    this.#pod = plan.pod;
    this.#folder = folder;
    this.#logFile = join(plan.logFolder, 'agent.log');
  }

  async ready(): Promise<void> {}

  async upload(files: readonly { readonly from: string; readonly to: string; readonly executable: boolean }[]): Promise<void> {
    // A copy, so that building again does not change a pod that is up.
    for (const { from, to, executable } of files) {
      const target = join(this.agentFolder, to);
      await mkdir(dirname(target), { recursive: true });
      // In one step: what is there may be running.
      await copyFile(from, `${target}.next`);
      await chmod(`${target}.next`, executable ? 0o755 : 0o644);
      await rename(`${target}.next`, target);
    }
  }

  exec(argv: readonly string[], options: { readonly timeoutMs?: number; readonly stdin?: string } = {}) {
    return runHostProgram(argv, { ...options, environment: this.#environment(), cwd: this.#folder });
  }

  async startAgent(): Promise<void> {
    await mkdir(dirname(this.#logFile), { recursive: true });
    const log = openSync(this.#logFile, 'a');
    try {
      const argv = ['--socket', this.#socket, '--folder', this.agentFolder, '--log', this.#logFile, '--machine', this.name];
      // Detached: a session of its own, so that a Ctrl-C in the controller's terminal is not sent to it.
      const child = spawn(process.execPath, [this.#agentFile, ...argv], {
        cwd: this.#folder,
        env: this.#environment(),
        detached: true,
        stdio: ['ignore', log, log],
      });
      await once(child, 'spawn');
      child.unref();
    } catch (error) {
      throw environmentError('AGENT_NOT_STARTED', `the agent of ${this.name} could not be started`, { cause: error });
    } finally {
      closeSync(log);
    }
  }

  async connectAgent(signal: AbortSignal): Promise<Duplex> {
    const socket = connect(this.#socket);
    try {
      // The signal ends the attempt; a connection that stands is its holder's.
      await once(socket, 'connect', { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async shell(): Promise<number> {
    const child = spawn(process.env.SHELL ?? '/bin/sh', [], { cwd: this.#folder, env: this.#environment(), stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  }

  async powerOff(): Promise<void> {
    // At once, as machines end: or an agent that is killed after its worker would still fence it.
    await stopProcesses(this.#pod, this.name);
    await hold(`${this.name}: power off`, (text) => process.stderr.write(`${this.name}: power off: ${text}\n`));
    await killProcesses(this.#pod, this.name);
  }

  /** It is there when a process runs on it. */
  async powerOn(): Promise<void> {}

  async isAlive(): Promise<boolean> {
    return this.#processes().length > 0;
  }

  async whyUnreachable(): Promise<CxlpodError | null> {
    if (this.#agents().length > 0) return null;
    return environmentError('AGENT_DIED', `the agent of ${this.name} has ended`, {
      cause: new Error(await this.#logTail()),
      hint: `read ${this.#logFile}`,
    });
  }

  async pause(): Promise<void> {
    await stopProcesses(this.#pod, this.name);
  }

  async resume(): Promise<void> {
    continueProcesses(this.#pod, this.name);
  }

  async isFrozen(): Promise<boolean> {
    return this.#processes().every(({ pid }) => isStill(pid));
  }

  async limitCpu(share: number | null, pid?: number): Promise<void> {
    const brake = this.#brakes.get(pid ?? null);
    this.#brakes.delete(pid ?? null);
    await brake?.release();
    this.#throttledBefore += brake?.stops() ?? 0;
    // The brake of a controller that is gone may have left them standing.
    if (brake === undefined && share === null) continueProcesses(this.#pod, this.name);
    if (share !== null) this.#brakes.set(pid ?? null, brakeProcesses(this.#pod, this.name, share, pid));
  }

  async throttledPeriods(): Promise<number> {
    return [...this.#brakes.values()].reduce((sum, brake) => sum + brake.stops(), this.#throttledBefore);
  }

  async killAgent(): Promise<void> {
    await killAll(() => this.#agents());
  }

  async monitor(command: string): Promise<unknown> {
    throw usageError('NO_MONITOR', `${this.name} has no monitor to ask for ${command}`, {
      cause: new Error('machines of provider local are processes of one host'),
      hint: 'use a topology with provider: qemu',
    });
  }

  async setLink(network: 'control' | 'pod'): Promise<void> {
    throw usageError('NO_LINK', `${this.name} has no ${network} network to cut`, {
      cause: new Error('machines of provider local are processes of one host'),
      hint: 'use a topology with provider: qemu',
    });
  }

  async readLog(log: MachineLog, fromByte = 0): Promise<Buffer> {
    return log === 'agent' ? readFileFrom(this.#logFile, fromByte) : Buffer.alloc(0);
  }

  /** A machine that is slow only while somebody slows it must not stay stopped when that one goes. */
  async close(): Promise<void> {
    for (const pid of this.#brakes.keys()) await this.limitCpu(null, pid ?? undefined);
  }

  get #agentFile(): string {
    return join(this.agentFolder, 'agent.mjs');
  }

  get #socket(): string {
    return join(this.#folder, 'agent.sock');
  }

  #environment(): NodeJS.ProcessEnv {
    return markedEnvironment(this.#pod, this.name);
  }

  #processes() {
    return findProcesses(this.#pod, this.name);
  }

  #agents(): number[] {
    return this.#processes().flatMap(({ pid }) => (runs(pid, this.#agentFile) ? [pid] : []));
  }

  async #logTail(): Promise<string> {
    const text = (await this.readLog('agent')).toString('utf8');
    return text === '' ? 'it wrote nothing' : text.trimEnd().split('\n').slice(-logTailLines).join('\n');
  }
}

/** A machine may have others: a shell outlives its agent. */
function runs(pid: number, program: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(program);
  } catch {
    return false;
  }
}
