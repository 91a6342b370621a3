/** The lines after the hello, read from what came over the wire: requests by the agent, everything else by the controller. */
import { AgentError, type WireError } from './agent-error.ts';
import {
  type AgentEvent,
  type AnswerLine,
  type ClientIdentity,
  coherences,
  type EventLine,
  flushPolicies,
  type HeapParameters,
  type Passage,
  type RequestName,
  type Requests,
  shortestLeaseMs,
} from './messages.ts';
import { anything, integer, listOf, name, nullable, object, oneOf, type Reader, recordOf, ShapeError, text } from './shape.ts';

/** A request whose parameters have been read: `request` tells their type. */
export type Request = {
  [Name in RequestName]: { readonly id: number; readonly request: Name; readonly parameters: Requests[Name]['parameters'] };
}[RequestName];

/**
 * Reads a request line. Throws `BAD_REQUEST`; the error's `requestId` is the id to answer, or null when there is not even
 * that: then the channel is out of step and must end.
 */
export function readRequest(message: unknown): Request {
  const { id } = (message ?? {}) as { id?: unknown };
  const requestId = Number.isSafeInteger(id) && (id as number) >= 0 ? (id as number) : null;
  try {
    const line = requestLine(message, 'request');
    const parameters = requestParameters[line.request](line.parameters, line.request);
    return { id: line.id, request: line.request, parameters } as Request;
  } catch (error) {
    if (error instanceof ShapeError) throw new BadRequest(requestId, error);
    throw error;
  }
}

export class BadRequest extends AgentError {
  readonly requestId: number | null;

  constructor(requestId: number | null, cause: Error) {
    super('BAD_REQUEST', 'the agent cannot read a request', { cause });
    this.requestId = requestId;
  }
}

/** What an agent may send after its hello. */
export type AgentLine =
  | { readonly kind: 'answer'; readonly line: AnswerLine }
  | { readonly kind: 'event'; readonly line: EventLine }
  | { readonly kind: 'refused'; readonly error: WireError };

/** Reads any line of an agent. Throws `BAD_LINE` for what is none. Results and progress are the caller's to read. */
export function readAgentLine(message: unknown): AgentLine {
  try {
    const refused = readRefusal(message);
    if (refused !== null) return { kind: 'refused', error: refused };
    if (isObject(message) && 'event' in message) return { kind: 'event', line: eventLine(message, 'event') };
    if (isObject(message) && 'error' in message) return { kind: 'answer', line: errorAnswer(message, 'answer') };
    return { kind: 'answer', line: resultAnswer(message, 'answer') };
  } catch (error) {
    if (error instanceof ShapeError) throw new AgentError('BAD_LINE', 'the agent sent a line of no known kind', { cause: error });
    throw error;
  }
}

/** `{ refused: error }`: the last line before a side closes a channel that it cannot use. Null for any other line. */
export function readRefusal(message: unknown): WireError | null {
  return isObject(message) && 'refused' in message ? wireError(message.refused, 'refused') : null;
}

const empty = object<Record<string, never>>({} as never);
const path = text({ maximum: 1024, pattern: /^\// });
const hugeBytes = 2 ** 40;
const dayMs = 24 * 60 * 60 * 1000;

const requestNames = [
  'configure',
  'format',
  'startWorker',
  'runTask',
  'stopWorker',
  'recoverMachine',
  'grantFence',
  'armRecoverer',
  'watchHeartbeats',
  'exec',
  'status',
  'shutdown',
] as const;

const requestLine = object<{ id: number; request: RequestName; parameters: unknown }>({
  id: integer(0),
  request: oneOf(...requestNames),
  parameters: anything,
});

const file = object<{ path: string; sizeBytes: number }>({ path, sizeBytes: integer(1, hugeBytes) });

const machineNumber = integer(1, 127);
const client = object<{ id: number; incarnation: number }>({ id: integer(0), incarnation: integer(0) });
/** More than the client table has places. */
const clients = listOf(client, 1024);

/** How large they may be is the formatter's to say. */
const heap = object<HeapParameters>(
  {},
  {
    clients: integer(1, hugeBytes),
    pageBytes: integer(1, hugeBytes),
    segmentBytes: integer(1, hugeBytes),
    names: integer(1, hugeBytes),
    queues: integer(1, hugeBytes),
    queueCapacity: integer(1, hugeBytes),
    flushPolicy: oneOf(...flushPolicies),
    coherence: oneOf(...coherences),
  },
);

const passageFields = { point: text({ maximum: 128 }), hit: integer(1, 2 ** 31 - 1) };
const passage = object<Passage>(passageFields);

const requestParameters: { readonly [Name in RequestName]: Reader<Requests[Name]['parameters']> } = {
  configure: object<Requests['configure']['parameters']>({
    machine: name,
    machineNumber,
    pool: file,
    history: file,
  }),
  format: object<Requests['format']['parameters']>({}, { heap }),
  startWorker: object<Requests['startWorker']['parameters']>(
    { worker: name },
    {
      crash: object<Passage & { until?: Passage }>(passageFields, { until: passage }),
      dieAtAccess: integer(1),
      mutant: integer(1, 999),
    },
  ),
  runTask: object<Requests['runTask']['parameters']>({
    worker: name,
    task: name,
    parameters: anything,
    deadlineMs: integer(1, dayMs),
  }),
  stopWorker: object<Requests['stopWorker']['parameters']>({ worker: name, how: oneOf('graceful', 'kill') }),
  recoverMachine: object<Requests['recoverMachine']['parameters']>({ machineNumber }),
  grantFence: object<Requests['grantFence']['parameters']>({ machineNumber, clients }),
  armRecoverer: object<Requests['armRecoverer']['parameters']>({}, { crash: passage, dieAtAccess: integer(1) }),
  watchHeartbeats: object<Requests['watchHeartbeats']['parameters']>({ leaseMs: integer(shortestLeaseMs, dayMs) }),
  exec: object<Requests['exec']['parameters']>(
    { argv: atLeastOne(listOf(text({ maximum: 64 * 1024 }), 256)), timeoutMs: integer(1, dayMs) },
    { environment: recordOf(text({ maximum: 64 * 1024 }), 256) },
  ),
  status: empty,
  shutdown: empty,
};

const wireError = object<WireError>(
  { code: text({ maximum: 128 }), message: text({ maximum: 1024 * 1024 }) },
  { cause: text({ maximum: 1024 * 1024 }), hint: text({ maximum: 64 * 1024 }) },
);
const errorAnswer = object<{ id: number; error: WireError }>({ id: integer(0), error: wireError });
const resultAnswer = object<{ id: number; result: unknown }>({ id: integer(0), result: anything });

const eventBodies: { readonly [Name in AgentEvent['event']]: Reader<Extract<AgentEvent, { event: Name }>> } = {
  'worker-exited': object<Extract<AgentEvent, { event: 'worker-exited' }>>({
    event: oneOf('worker-exited'),
    worker: name,
    pid: integer(1),
    exitCode: nullable(integer(0)),
    signal: nullable(text({ maximum: 32 })),
    fenced: nullable(client),
    atNs: integer(0),
  }),
  suspected: object<Extract<AgentEvent, { event: 'suspected' }>>({
    event: oneOf('suspected'),
    atNs: integer(0),
    machineNumber,
    suspects: clients,
    clients,
  }),
  unsuspected: object<Extract<AgentEvent, { event: 'unsuspected' }>>({
    event: oneOf('unsuspected'),
    atNs: integer(0),
    machineNumber,
    clients: listOf(
      object<ClientIdentity & { because: 'beats' | 'gone' }>({
        id: integer(0),
        incarnation: integer(0),
        because: oneOf('beats', 'gone'),
      }),
      1024,
    ),
  }),
  'worker-fenced': object<Extract<AgentEvent, { event: 'worker-fenced' }>>({
    event: oneOf('worker-fenced'),
    worker: name,
    pid: integer(1),
    fenced: nullable(client),
    atNs: integer(0),
  }),
  'task-progress': object<Extract<AgentEvent, { event: 'task-progress' }>>({
    event: oneOf('task-progress'),
    worker: name,
    task: name,
    progress: anything,
  }),
  log: object<Extract<AgentEvent, { event: 'log' }>>({
    event: oneOf('log'),
    level: oneOf('info', 'warn', 'error'),
    message: text({ maximum: 1024 * 1024 }),
  }),
};
const eventName = oneOf(...(Object.keys(eventBodies) as AgentEvent['event'][]));
const eventLine = object<EventLine>({
  event: integer(1),
  body: (value, place) => {
    const kind = eventName(isObject(value) ? value.event : undefined, `${place}.event`);
    return eventBodies[kind](value, place);
  },
});

function atLeastOne<T>(reader: Reader<readonly T[]>): Reader<readonly T[]> {
  return (value, place) => {
    const list = reader(value, place);
    if (list.length === 0) throw new ShapeError(`${place} must not be empty`);
    return list;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
