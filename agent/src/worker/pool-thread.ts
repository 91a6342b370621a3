/** The pool thread: the one thread of the worker that touches the pool. Runs one task at a time; it may spin. */
import { parentPort } from 'node:worker_threads';
import type { ArmedCrash, Core } from '../pool/core.ts';
import { countedAccess } from '../pool/counted-access.ts';
import { endsAtAccess } from '../pool/ends-at-access.ts';
import { checkPool, instantiateCore, joinPool, leavePool, mapPool, startHeartbeat } from '../pool/pool.ts';
import { AgentError, toWireError } from '../protocol/agent-error.ts';
import { ShapeError } from '../protocol/shape.ts';
import { workloads } from '../workloads/index.ts';
import type { FromPoolThread, ToPoolThread } from './control.ts';
import type { Joined, JoinParameters, Order, RunParameters } from './orders.ts';

const heartbeatIntervalMs = 100;

export function poolThread(): void {
  const port = parentPort!;
  const say = (message: FromPoolThread) => port.postMessage(message);
  let participant: ReturnType<typeof join> | null = null;
  let running: AbortController | null = null;

  const perform = async (order: Order): Promise<unknown> => {
    switch (order.order) {
      case 'join': {
        const joined = join(order.parameters, say);
        participant = joined;
        return joined.result;
      }
      case 'run': {
        if (participant === null) throw new AgentError('NOT_JOINED', 'the worker has not joined the pool');
        running = new AbortController();
        if (order.parameters.task !== 'clock') participant.beginWork();
        return run(order.parameters, participant, running.signal, say);
      }
      case 'leave':
        participant?.stop();
        return process.exit(0);
    }
  };

  port.on('message', async (message: ToPoolThread) => {
    if ('abort' in message) {
      running?.abort();
      return;
    }
    try {
      const result = await perform(message);
      say({ report: 'done', id: message.id, result: result ?? null });
    } catch (error) {
      say({ report: 'failed', id: message.id, error: toWireError(error) });
    }
  });
  say({ report: 'ready' });
}

function join(parameters: JoinParameters, say: (message: FromPoolThread) => void) {
  const mapped = mapPool({
    poolPath: parameters.pool.path,
    poolSizeBytes: parameters.pool.sizeBytes,
    historyPath: parameters.history.path,
    historySizeBytes: parameters.history.sizeBytes,
  });
  say({ mapped });
  const { crash, dieAtAccess, mutant } = parameters;
  const isTraced = dieAtAccess !== undefined || mutant !== undefined;
  const door = isTraced ? countedAccess(mapped, endsAtAccess('worker', dieAtAccess ?? 0), mutant) : undefined;
  const core = instantiateCore(mapped, {
    thread: 0,
    ...(crash === undefined ? {} : { crash }),
    ...(door === undefined ? {} : { door }),
  });
  checkPool(core);
  const client = joinPool(core, { machineNumber: parameters.machineNumber });
  const heartbeat = startHeartbeat(mapped, client, { intervalMs: heartbeatIntervalMs });
  let isCounting = false;
  const result: Joined = { client };
  return {
    core,
    crash,
    result,
    /** Of its tasks the first counts, clocks aside: whatever was before was no work. */
    beginWork: () => {
      if (!isCounting && dieAtAccess !== undefined) door?.begin(dieAtAccess);
      isCounting = true;
    },
    stop: () => {
      heartbeat.stop();
      leavePool(core);
    },
  };
}

async function run(
  order: RunParameters,
  { core, crash }: { readonly core: Core; readonly crash: ArmedCrash | undefined },
  signal: AbortSignal,
  say: (message: FromPoolThread) => void,
): Promise<unknown> {
  const workload = workloads[order.task];
  if (workload === undefined) {
    throw new AgentError('TASK_UNKNOWN', `there is no task ${order.task}`, {
      hint: `one of ${Object.keys(workloads).join(', ')}`,
    });
  }
  let parameters: unknown;
  try {
    parameters = workload.parameters(order.parameters, order.task);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new AgentError('BAD_PARAMETERS', `the parameters of ${order.task} are wrong`, { cause: error });
  }
  const endsAt = performance.now() + order.deadlineMs;
  return workload.run(
    {
      core,
      crash,
      signal,
      remainingMs: () => Math.max(1, Math.ceil(endsAt - performance.now())),
      progress: (progress) => say({ report: 'progress', task: order.task, progress }),
    },
    parameters,
  );
}
