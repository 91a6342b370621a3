/**
 * Pool and history as the agent itself uses them: to format, and to grant and recover after it has seen a worker's end. The
 * agent is a client of the pool only while it recovers another, so that its own death at it can be seen.
 */
import { countedAccess } from '../pool/counted-access.ts';
import { endsAtAccess } from '../pool/ends-at-access.ts';
import {
  arm,
  type Core,
  checkPool,
  fenceMachine,
  fenceProcess,
  formatPool,
  grantFence,
  instantiateCore,
  introduceTo,
  type MappedPool,
  mapPool,
  PoolError,
  recoverClient,
  recoverClientSoon,
  type SeenClient,
  seeClients,
} from '../pool/pool.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ClientIdentity, HeapParameters, Requests } from '../protocol/messages.ts';

export type Configuration = Requests['configure']['parameters'];

export interface SharedMemory {
  readonly configuration: Configuration;
  /** Formats, or checks what is formatted; says whether it was this call that did it. */
  format(heap: HeapParameters | undefined): boolean;
  isFormatted(): boolean;
  /**
   * Only after the end of this process was seen: fences its clients, also those that died while joining, and finishes in
   * their names. Returns them. `mutant`: a deliberate mistake of docs/mutants.md that the recovery makes.
   */
  bury(pid: number, mutant?: number): readonly ClientIdentity[];
  /**
   * Before any worker of this agent has joined: the same for whoever joined from this machine and is not living, as workers that died
   * while there was no agent, and an earlier agent in the middle of a recovery. Nothing while the pool is not formatted.
   */
  buryLost(isLiving: (pid: number) => boolean): readonly ClientIdentity[];
  /** Who this process is in the client table; null: nobody, or the pool is not formatted. */
  clientOf(pid: number): ClientIdentity | null;
  /** Everybody in the client table. */
  clients(): readonly SeenClient[];
  /** Leaves word of a suspicion for whoever looks at the pool. */
  suspect(client: ClientIdentity): void;
  /** See request `grantFence`. Throws AgentError OWN_MACHINE. */
  grant(deadMachine: number, clients: readonly ClientIdentity[]): Promise<readonly ClientIdentity[]>;
  /** See request `armRecoverer`. Throws PoolError UNKNOWN_CRASH_POINT. */
  arm(how: Requests['armRecoverer']['parameters']): void;
  /** The same for another machine, only after *its* end was seen. Throws AgentError OWN_MACHINE. */
  buryMachine(deadMachine: number): readonly ClientIdentity[];
}

export function openSharedMemory(configuration: Configuration): SharedMemory {
  const { pool, history, machineNumber } = configuration;
  const mapped = mapPool({
    poolPath: pool.path,
    poolSizeBytes: pool.sizeBytes,
    historyPath: history.path,
    historySizeBytes: history.sizeBytes,
  });
  const core = instantiateCore(mapped, { thread: 0 });
  introduceTo(core, { machineNumber });
  /** Whoever is armed to die at an access recovers with a core of its own. */
  let recoverer = core;
  const mutantCores = new Map<number, Core>();
  const mutantCore = (mutant: number): Core => {
    const known = mutantCores.get(mutant) ?? recoversWrongly(mapped, mutant, machineNumber);
    mutantCores.set(mutant, known);
    return known;
  };
  const isFormatted = (): boolean => {
    try {
      checkPool(core);
      return true;
    } catch (error) {
      if (error instanceof PoolError) return false;
      throw error;
    }
  };
  const joinedFromHere = (): readonly SeenClient[] =>
    isFormatted() ? seeClients(core).filter((client) => client.machineNumber === machineNumber) : [];
  return {
    configuration,
    format: (heap) => formatPool(core, { machineNumber, ...(heap === undefined ? {} : { heap }) }),
    isFormatted,
    bury: (pid, mutant) => {
      const clients = fenceProcess(core, { machineNumber, pid });
      const by = mutant === undefined ? recoverer : mutantCore(mutant);
      for (const client of clients) recoverClient(by, client);
      return clients;
    },
    buryLost: (isLiving) => {
      const lost = new Set(joinedFromHere().flatMap(({ pid }) => (isLiving(pid) ? [] : [pid])));
      const clients = [...lost].flatMap((pid) => fenceProcess(core, { machineNumber, pid }));
      for (const client of clients) recoverClient(recoverer, client);
      return clients;
    },
    clientOf: (pid) => {
      const found = joinedFromHere().find((client) => client.pid === pid);
      return found === undefined ? null : { id: found.id, incarnation: found.incarnation };
    },
    clients: () => seeClients(core),
    suspect: ({ id, incarnation }) => {
      core.exports.suspectClient(id, incarnation);
    },
    arm: ({ crash, dieAtAccess }) => {
      arm(core, crash);
      recoverer = core;
      if (dieAtAccess === undefined) return;
      const door = countedAccess(mapped, endsAtAccess('agent', dieAtAccess));
      recoverer = instantiateCore(mapped, { thread: 1, door });
      introduceTo(recoverer, { machineNumber });
      door.begin(dieAtAccess);
    },
    grant: async (deadMachine, clients) => {
      if (deadMachine === machineNumber) throw ownMachine(deadMachine);
      // Whoever has the place of one of them by now is another one, and lives.
      const there = seeClients(core).filter(
        (each) =>
          each.machineNumber === deadMachine &&
          clients.some(({ id, incarnation }) => id === each.id && incarnation === each.incarnation),
      );
      const dead = there.map(({ id, incarnation }) => ({ id, incarnation }));
      for (const client of dead) grantFence(core, client);
      for (const client of dead) await recoverClientSoon(recoverer, client);
      return dead;
    },
    buryMachine: (deadMachine) => {
      if (deadMachine === machineNumber) throw ownMachine(deadMachine);
      // All fences first: one of them may have died while it recovered another, and its claim is void once it is fenced.
      const clients = fenceMachine(core, { machineNumber: deadMachine });
      for (const client of clients) recoverClient(recoverer, client);
      return clients;
    },
  };
}

/** A negative control's core. What it breaks is to be found in the pool, so it does not end this agent. */
function recoversWrongly(mapped: MappedPool, mutant: number, machineNumber: number): Core {
  const door = countedAccess(mapped, neverCounts, mutant);
  const onBroken = (invariant: number): never => {
    throw new AgentError('INVARIANT_BROKEN', `mutant ${mutant}: invariant ${invariant} does not hold in a recovery`);
  };
  const core = instantiateCore(mapped, { thread: 2, door, onBroken });
  introduceTo(core, { machineNumber });
  return core;
}

function neverCounts(): never {
  throw new Error('an agent does not die at an access');
}

function ownMachine(machineNumber: number): AgentError {
  return new AgentError('OWN_MACHINE', `machine ${machineNumber} cannot recover itself`, {
    cause: 'the agent that was asked runs on it, so it has not ended',
    hint: 'ask the agent of a machine that lives on',
  });
}

/** The same configuration again is no error, another one is: mapped is mapped. */
export function refuseOther(current: Configuration, asked: Configuration): void {
  if (JSON.stringify(current) === JSON.stringify(asked)) return;
  throw new AgentError('ALREADY_CONFIGURED', 'this agent is configured for another pool', {
    cause: `it has ${JSON.stringify(current)}`,
    hint: 'end the agent and start it again',
  });
}
