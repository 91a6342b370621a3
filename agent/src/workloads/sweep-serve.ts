import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Handler, listen, type Server, type ServeState } from '../rpc/index.ts';
import { Waiter, waitingStrategies } from '../rpc/wait.ts';
import { writeAnswer } from './sweep-answers.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['sweep-serve']['parameters'];
type Result = Tasks['sweep-serve']['result'];

/** One thread that serves several connections, until their callers have closed all of them. */
export const sweepServe: Workload<'sweep-serve'> = {
  parameters: object<Parameters>(
    {
      service: name,
      connections: integer(1, 32),
      window: integer(2, 64),
      payloadBytes: integer(1, 65_536),
      handler: oneOf('echo', 'reference', 'touch'),
    },
    {
      layout: oneOf('hardened', 'faithful'),
      sharing: oneOf('coherent', 'lines', 'fast', 'non-temporal'),
      waiting: oneOf(...waitingStrategies),
    },
  ),
  run: ({ core, remainingMs, progress }, parameters) => {
    const { service, connections, handler, ...options } = parameters;
    const servers: Server[] = [];
    const { waiting: strategy = 'adaptive' } = parameters;
    // Of several connections nobody knows which entry comes next, so that their waiter watches none.
    const waiter = new Waiter(core, { strategy });
    try {
      for (let number = 1; number <= connections; number++) servers.push(listen(core, service, options));
      progress({ listening: service });
      const deadlineMs = remainingMs();
      const [first] = servers;
      if (connections > 1)
        return serveAll(
          servers,
          answererOf(handler, connections, () => 1),
          waiter,
          deadlineMs,
        );
      const own = { worked: () => first!.waiter.worked(), idle: (limitMs: number) => first!.idle(limitMs) };
      return serveAll(
        servers,
        answererOf(handler, 1, () => first!.waiter.looks),
        own,
        deadlineMs,
      );
    } finally {
      waiter.stop();
      for (const server of servers) server.close();
    }
  },
};

/** A turn of one connection. */
type Answer = (server: Server) => ServeState;

const echoesPerTurn = 10_000;
const requestsPerTurn = 256;

/** `looks`: at a connection that has no request, before the next one has its turn. */
function answererOf(handler: Parameters['handler'], connections: number, looks: () => number): Answer {
  // A caller that never stops must not keep the server from the others.
  if (handler === 'echo') return (server) => server.pollEcho(connections === 1 ? echoesPerTurn : server.window, looks());
  const handle = handler === 'reference' ? answerReference : answerTouch;
  return (server) => server.poll(handle, looks(), requestsPerTurn);
}

/** What the caller sent is neither read nor copied: 8 bytes say how long it was said to be. */
const answerReference: Handler = (request, response) => writeAnswer(response, request.length);

const answerTouch: Handler = (request, response) => {
  let sum = 0;
  for (let at = 0; at < request.length; at += 64) sum += request[at]!;
  return writeAnswer(response, sum);
};

function serveAll(
  servers: readonly Server[],
  answer: Answer,
  waiter: Pick<Waiter, 'worked' | 'idle'>,
  deadlineMs: number,
): Result {
  const deadline = performance.now() + deadlineMs;
  let open = servers;
  let served = 0;
  let startNs = 0;
  let startCpu = process.cpuUsage();
  while (open.length > 0) {
    const over: Server[] = [];
    for (const server of open) {
      const state = answer(server);
      if (state === 'closed' || state === 'peer-lost') over.push(server);
      if (state === 'aborted') throw unserved('the worker was told to end', servers);
    }
    const now = servedBy(servers);
    if (now !== served) {
      if (served === 0) {
        startNs = monotonicNs();
        startCpu = process.cpuUsage();
      }
      served = now;
      waiter.worked();
    } else {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw unserved('nobody closed the connections in time', servers);
      waiter.idle(leftMs);
    }
    if (over.length > 0) open = open.filter((server) => !over.includes(server));
  }
  const cpu = process.cpuUsage(startCpu);
  return {
    served,
    refused: servers.reduce((sum, server) => sum + server.refused, 0),
    elapsedNs: startNs === 0 ? 0 : monotonicNs() - startNs,
    cpuNs: (cpu.user + cpu.system) * 1000,
  };
}

function servedBy(servers: readonly Server[]): number {
  let sum = 0;
  for (const server of servers) sum += server.served;
  return sum;
}

function unserved(cause: string, servers: readonly Server[]): AgentError {
  return new AgentError('DEADLINE', `serving ${servers.length} connections ended too early`, {
    cause: `${cause}; ${servedBy(servers)} requests were served`,
  });
}
