import type { Socket } from 'node:net';
import { layoutHash } from '../layout/index.ts';
import { AgentError, describeError } from '../protocol/agent-error.ts';
import type { Request } from '../protocol/lines.ts';
import { type AgentEvent, type AgentStatus, defaultLeaseMs, protocolVersion, type Requests } from '../protocol/messages.ts';
import type { AgentOptions } from './command-line.ts';
import { Conversation } from './conversation.ts';
import { type FenceMaker, fenceMaker } from './fence.ts';
import { HeartbeatWatch } from './heartbeat-watch.ts';
import { type Listening, listenAlone } from './listen.ts';
import type { LogFile } from './log-file.ts';
import type { RunningProgram } from './run-program.ts';
import type { Configuration, SharedMemory } from './shared-memory.ts';
import { sparesWanted } from './spare-workers.ts';
import { WorkerRecords } from './worker-records.ts';
import { Workers } from './workers.ts';

/** How long nothing may have been asked before a spare worker is started: what follows at once is not to be disturbed. */
const quietMs = 500;

/** This machine's monotonic clock, as `WorkerExit.atNs`. */
function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #log: LogFile;
  readonly #fences: FenceMaker;
  readonly #workers: Workers;
  readonly #conversation: Conversation;
  readonly #programs = new Set<RunningProgram>();
  #listening: Listening | null = null;
  #memory: SharedMemory | null = null;
  #configuring: { readonly asked: Configuration; readonly done: Promise<SharedMemory> } | null = null;
  #heartbeats: HeartbeatWatch | null = null;
  /** Requests that are not answered yet. */
  #inProgress = 0;
  #quiet: NodeJS.Timeout | undefined;
  #ending: Promise<void> | null = null;
  /** Resolves after `shutdown`, by whoever it was asked. */
  readonly ended: Promise<void>;
  #settleEnded: () => void = () => {};

  static async start(options: AgentOptions, log: LogFile): Promise<Agent> {
    const agent = new Agent(options, log);
    agent.#listening = await listenAlone(options.socketPath, (socket) => agent.#onConnection(socket));
    log.write(
      'info',
      `agent of ${options.machine}, process ${process.pid}, on ${options.socketPath} after ${Math.round(performance.now())} ms; ` +
        `fence: ${agent.#fences.kind}` +
        (agent.#fences.reason === null ? '' : ` (${agent.#fences.reason})`),
    );
    agent.#workers.adopt();
    agent.#workers.prepareSpare();
    return agent;
  }

  private constructor(options: AgentOptions, log: LogFile) {
    this.#options = options;
    this.#log = log;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#fences = fenceMaker(options.cgroupFolder);
    this.#conversation = new Conversation(
      {
        hello: 'cxlpod-agent',
        protocol: protocolVersion,
        layout: layoutHash,
        machine: options.machine,
        pid: process.pid,
        // Not of node:crypto, which takes longer to load than all of this agent on an emulated CPU.
        instance: `${process.pid}-${Math.random().toString(36).slice(2)}`,
      },
      (request) => this.#perform(request),
      (level, message) => log.write(level, message),
    );
    this.#workers = new Workers({
      folder: options.folder,
      fences: this.#fences,
      records: new WorkerRecords(`${options.socketPath}.workers`),
      log,
      memory: () => this.#memory,
      emit: (event) => this.#emit(event),
      onSpareLoaded: () => this.#prepareWhenQuiet(),
    });
  }

  /** Kills all workers, grants their fences, closes the channel. Idempotent. */
  shutdown(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    clearTimeout(this.#quiet);
    this.#heartbeats?.stop();
    for (const program of this.#programs) program.kill();
    await this.#workers.close();
    this.#fences.close();
    this.#listening?.close();
    await this.#conversation.close();
    this.#log.write('info', 'agent ended');
    this.#settleEnded();
  }

  #onConnection(socket: Socket): void {
    void this.#conversation.attach(socket);
  }

  #emit(event: AgentEvent): void {
    this.#conversation.emit(event);
  }

  async #perform(request: Request): Promise<unknown> {
    if (this.#ending !== null && request.request !== 'status') throw new AgentError('SHUTTING_DOWN', 'the agent is ending');
    this.#inProgress++;
    clearTimeout(this.#quiet);
    try {
      return await this.#dispatch(request);
    } finally {
      this.#inProgress--;
      this.#prepareWhenQuiet();
    }
  }

  #prepareWhenQuiet(): void {
    clearTimeout(this.#quiet);
    if (this.#inProgress > 0 || this.#ending !== null) return;
    this.#quiet = setTimeout(() => this.#workers.prepareSpare(), quietMs).unref();
  }

  async #dispatch(request: Request): Promise<unknown> {
    switch (request.request) {
      case 'configure':
        return this.#configure(request.parameters);
      case 'format':
        return { formatted: (await this.#configured()).format(request.parameters.heap) } satisfies Requests['format']['result'];
      case 'startWorker':
        return this.#workers.start(request.parameters, await this.#configured());
      case 'runTask':
        return this.#workers.run(request.parameters);
      case 'stopWorker':
        return this.#workers.stop(request.parameters);
      case 'recoverMachine':
        return this.#recoverMachine(request.parameters);
      case 'grantFence':
        return this.#grantFence(request.parameters);
      case 'armRecoverer':
        (await this.#configured()).arm(request.parameters);
        return {};
      case 'watchHeartbeats':
        await this.#configured();
        this.#heartbeats?.start(request.parameters.leaseMs);
        return {};
      case 'exec':
        return this.#exec(request.parameters);
      case 'status':
        return this.#status();
      case 'shutdown':
        // The answer says that no worker is left; the channel ends when the answer is out.
        await this.#workers.close();
        setImmediate(() => void this.shutdown());
        return {};
    }
  }

  async #configure(asked: Configuration): Promise<Requests['configure']['result']> {
    const { openSharedMemory, refuseOther } = await import('./shared-memory.ts');
    if (this.#configuring !== null) refuseOther(this.#configuring.asked, asked);
    this.#configuring ??= { asked, done: Promise.resolve(asked).then((options) => this.#comeToKnow(openSharedMemory(options))) };
    try {
      this.#memory = await this.#configuring.done;
    } catch (error) {
      this.#configuring = null;
      throw error;
    }
    return { client: null };
  }

  /** What earlier agents of this machine have left in the pool is settled before a worker of this one joins. */
  #comeToKnow(memory: SharedMemory): SharedMemory {
    this.#watchHeartbeats(memory);
    this.#workers.identify(memory);
    try {
      const clients = memory.buryLost((pid) => this.#workers.isLiving(pid));
      if (clients.length > 0) {
        this.#log.write('info', `recovered whom nobody has seen die on this machine: ${JSON.stringify(clients)}`);
      }
    } catch (error) {
      this.#log.write('error', `who died on this machine before cannot be recovered\n${describeError(error)}`);
    }
    return memory;
  }

  #watchHeartbeats(memory: SharedMemory): void {
    this.#heartbeats = new HeartbeatWatch({
      ownMachine: memory.configuration.machineNumber,
      see: () => memory.clients(),
      nowNs: monotonicNs,
      emit: (event) => {
        this.#log.write('info', JSON.stringify(event));
        if (event.event === 'suspected') for (const client of event.suspects) memory.suspect(client);
        this.#emit(event);
      },
    });
    this.#heartbeats.start(defaultLeaseMs);
  }

  async #configured(): Promise<SharedMemory> {
    if (this.#configuring === null) {
      throw new AgentError('NOT_CONFIGURED', 'the agent knows no pool yet', { hint: 'send configure first' });
    }
    return this.#configuring.done;
  }

  async #recoverMachine({
    machineNumber,
  }: Requests['recoverMachine']['parameters']): Promise<Requests['recoverMachine']['result']> {
    const clients = (await this.#configured()).buryMachine(machineNumber);
    this.#log.write('info', `machine ${machineNumber} has ended, its clients are recovered: ${JSON.stringify(clients)}`);
    return { clients };
  }

  async #grantFence({ machineNumber, clients }: Requests['grantFence']['parameters']): Promise<Requests['grantFence']['result']> {
    const recovered = await (await this.#configured()).grant(machineNumber, clients);
    this.#log.write('info', `machine ${machineNumber} has ended; fenced and recovered of it: ${JSON.stringify(recovered)}`);
    return { clients: recovered };
  }

  async #exec(parameters: Requests['exec']['parameters']): Promise<Requests['exec']['result']> {
    const { runProgram } = await import('./run-program.ts');
    const program = runProgram(parameters, this.#options.folder);
    this.#programs.add(program);
    try {
      return await this.#workers.undisturbed(() => program.result);
    } finally {
      this.#programs.delete(program);
    }
  }

  #status(): AgentStatus {
    const memory = this.#memory;
    return {
      machine: this.#options.machine,
      pid: process.pid,
      uptimeMs: Math.round(process.uptime() * 1000),
      residentBytes: process.memoryUsage.rss(),
      fence: this.#fences.kind,
      pool:
        memory === null
          ? null
          : {
              path: memory.configuration.pool.path,
              sizeBytes: memory.configuration.pool.sizeBytes,
              formatted: memory.isFormatted(),
            },
      suspicions: this.#heartbeats?.suspicions() ?? [],
      workers: this.#workers.status(),
      spareWorkers: { loaded: this.#workers.loadedSpares, wanted: sparesWanted },
    };
  }
}
