/** One process of the soak: serves connections, or calls over them, until the log says stop, or until it is killed. */
import { codes } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import {
  type ArmedCrash,
  type Core,
  instantiateCore,
  joinPool,
  leavePool,
  type MapOptions,
  mapPool,
} from '../../src/pool/pool.ts';
import { type Connection, connect, listen, RpcError, type Server, Waiter } from '../../src/rpc/index.ts';
import { Random } from '../../src/workloads/heap-random.ts';
import { CallLog, historySizeBytes, outcome } from './call-log.ts';

export interface Part {
  readonly role: 'server' | 'caller';
  readonly files: MapOptions;
  /** Of a caller: its place in the log. */
  readonly place: number;
  readonly callsPerCaller: number;
  readonly connections: number;
  readonly seed: number;
  readonly crash?: ArmedCrash;
}

const service = 'soak';
const payloadBytes = 480;
/** Caller, number, and a byte that fills the rest. */
const headBytes = 12;
/** Turns between two looks for a connection to take. */
const connectEvery = 64;

/** The byte that a request is filled with. */
const fillOf = (caller: number, number: number): number => (caller * 31 + number * 7 + 1) & 0xff;

/** From 0 to 1. */
function fractions(seed: number): () => number {
  const random = new Random(seed);
  return () => random.below(2 ** 20) / 2 ** 20;
}

interface Held {
  readonly slot: number;
  readonly lengthBytes: number;
}

class ServedConnection {
  server: Server;
  readonly #core: Core;
  readonly #log: CallLog;
  readonly #calls: number;
  readonly #window: number;
  readonly #random: () => number;
  #held: Held[] = [];
  #last = -1;
  #lastCaller = -1;

  constructor(core: Core, log: CallLog, part: Part, window: number, random: () => number) {
    this.#core = core;
    this.#log = log;
    this.#calls = part.callsPerCaller;
    this.#window = window;
    this.#random = random;
    this.server = this.#listen();
  }

  #listen(): Server {
    this.#held = [];
    this.#last = -1;
    this.#lastCaller = -1;
    return listen(this.#core, service, { window: this.#window, payloadBytes });
  }

  /** Whether there was work. */
  turn(): boolean {
    const request = this.server.take(1);
    if (request === 'closed' || request === 'peer-lost') {
      this.server.close();
      this.server = this.#listen();
      return true;
    }
    if (typeof request === 'object') this.#execute(request.slot, request.bytes);
    if (this.#held.length > 0 && (typeof request === 'string' || this.#random() < 0.6)) this.#reply();
    return typeof request === 'object';
  }

  #execute(slot: number, request: Uint8Array): void {
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const [caller, number] = [view.getUint32(0, true), view.getUint32(4, true)];
    const isWhole = request.length >= headBytes && request.at(-1) === fillOf(caller, number) && number < this.#calls;
    const isNext = this.#last < number && (this.#lastCaller === -1 || this.#lastCaller === caller);
    if (!isWhole || !isNext) this.#log.complain();
    this.#lastCaller = caller;
    this.#last = number;
    this.#log.executions(caller)[number]!++;
    const response = this.server.response(slot);
    response.set(request);
    response[8] = request[8]! ^ 0xff;
    this.#held.push({ slot, lengthBytes: request.length });
  }

  /** Any of those that wait. */
  #reply(): void {
    const at = Math.floor(this.#random() * this.#held.length);
    const [{ slot, lengthBytes }] = this.#held.splice(at, 1) as [Held];
    this.server.reply(slot, lengthBytes);
  }
}

class Lane {
  readonly #core: Core;
  readonly #log: CallLog;
  readonly #part: Part;
  readonly #random: () => number;
  readonly #executionsOf: Uint8Array;
  readonly #outcomes: Uint8Array;
  #connection: Connection | undefined;
  readonly #inFlight = new Map<number, number>();
  #turnsToConnect = 0;

  constructor(core: Core, log: CallLog, part: Part, random: () => number) {
    this.#core = core;
    this.#log = log;
    this.#part = part;
    this.#random = random;
    this.#executionsOf = log.executions(part.place);
    this.#outcomes = log.outcomes(part.place);
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Whether there was work. `mayBegin`: new calls, too. */
  turn(mayBegin: boolean): boolean {
    try {
      if (this.#connection === undefined && (!mayBegin || !this.#connect())) return false;
      return this.#work(this.#connection!, mayBegin);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#lose();
      return true;
    }
  }

  #connect(): boolean {
    if (this.#turnsToConnect-- > 0) return false;
    this.#turnsToConnect = connectEvery;
    try {
      this.#connection = connect(this.#core, service, { deadlineMs: 0 });
      return true;
    } catch (error) {
      if (error instanceof RpcError && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  #work(connection: Connection, mayBegin: boolean): boolean {
    let worked = false;
    for (let slot = mayBegin ? connection.begin() : undefined; slot !== undefined; slot = connection.begin()) {
      const number = this.#log.words[16 + this.#part.place]!;
      if (number === this.#part.callsPerCaller) break;
      this.#send(connection, slot, number);
      worked = true;
      if (this.#random() < 0.05) connection.resend(slot);
      if (this.#random() < 0.02) this.#giveUp(connection, slot, number);
      if (this.#random() < 0.2) break;
    }
    for (let slot = connection.pollAny(); slot !== undefined; slot = connection.pollAny()) {
      this.#receive(connection, slot);
      worked = true;
    }
    return worked;
  }

  #send(connection: Connection, slot: number, number: number): void {
    const { place } = this.#part;
    const lengthBytes = headBytes + 1 + Math.floor(this.#random() ** 4 * (payloadBytes - headBytes - 1));
    const request = connection.request(slot);
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    request.fill(fillOf(place, number), headBytes, lengthBytes);
    view.setUint32(0, place, true);
    view.setUint32(4, number, true);
    view.setUint32(8, number, true);
    this.#outcomes[number] = outcome.begun;
    Atomics.store(this.#log.words, 16 + place, number + 1);
    try {
      connection.send(slot, lengthBytes, 0);
      this.#inFlight.set(slot, number);
    } catch (error) {
      this.#end(number, outcome.notSent);
      throw error;
    }
  }

  /** Nobody waits for the answer: the slot must not be used before it came. */
  #giveUp(connection: Connection, slot: number, number: number): void {
    connection.finish(slot);
    this.#inFlight.delete(slot);
    this.#end(number, outcome.givenUp);
  }

  #receive(connection: Connection, slot: number): void {
    const number = this.#inFlight.get(slot);
    if (number === undefined) throw new Error(`slot ${slot} has ended, and no call is in flight in it`);
    const response = connection.poll(slot)!;
    const view = new DataView(response.bytes.buffer, response.bytes.byteOffset, response.bytes.length);
    const isItsOwn =
      response.status === codes.OK &&
      view.getUint32(0, true) === this.#part.place &&
      view.getUint32(4, true) === number &&
      response.bytes[8] === ((number & 0xff) ^ 0xff) &&
      response.bytes.at(-1) === fillOf(this.#part.place, number);
    if (!isItsOwn) throw new Error(`call ${number} was given the response of another, status ${response.status}`);
    if (this.#executionsOf[number] !== 1)
      throw new Error(`call ${number} is answered, and was executed ${this.#executionsOf[number]} times`);
    this.#inFlight.delete(slot);
    connection.finish(slot);
    this.#end(number, outcome.answered);
  }

  #end(number: number, how: number): void {
    if (this.#outcomes[number] !== outcome.begun) throw new Error(`call ${number} ended twice`);
    this.#outcomes[number] = how;
    Atomics.add(this.#log.words, 64 + this.#part.place, 1);
  }

  /** Calls that were answered have their responses; of the others nobody knows. */
  #lose(): void {
    const connection = this.#connection!;
    this.#connection = undefined;
    for (const [slot, number] of this.#inFlight) {
      try {
        if (connection.poll(slot) === undefined) throw new Error(`call ${number} goes on after the end of its connection`);
        this.#receive(connection, slot);
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
        this.#end(number, outcome.unknown);
      }
    }
    this.#inFlight.clear();
    connection.close();
  }

  close(): void {
    this.#connection?.close();
  }
}

function serve(core: Core, log: CallLog, part: Part): void {
  const random = fractions(part.seed);
  const windows = [16, 4, 2, 64];
  const waiter = new Waiter(core);
  const served = Array.from(
    { length: part.connections },
    (_, index) => new ServedConnection(core, log, part, payloadFits(windows[index % windows.length]!), random),
  );
  process.send!('ready');
  while (!log.isStopped) {
    let worked = false;
    for (const each of served) if (each.turn()) worked = true;
    if (worked) waiter.worked();
    else waiter.idle(10);
  }
  waiter.stop();
  for (const { server } of served) server.close();
}

/** The largest window that has room for the payload. */
function payloadFits(window: number): number {
  return Math.min(window, 32);
}

function callAll(core: Core, log: CallLog, part: Part): void {
  const random = fractions(part.seed);
  const waiter = new Waiter(core);
  const lanes = Array.from({ length: part.connections }, () => new Lane(core, log, part, random));
  process.send!('ready');
  for (;;) {
    const mayBegin = !log.isStopped && log.begun(part.place) < part.callsPerCaller;
    let worked = false;
    for (const lane of lanes) if (lane.turn(mayBegin)) worked = true;
    if (log.isStopped && lanes.every((lane) => lane.isIdle)) break;
    if (worked) waiter.worked();
    else waiter.idle(10);
  }
  waiter.stop();
  for (const lane of lanes) lane.close();
}

const part = JSON.parse(process.argv[2]!) as Part;
native().setParentDeathSignal(process.ppid);
const mapped = mapPool(part.files);
const options = { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) };
const core = instantiateCore({ ...mapped, historySizeBytes }, options);
const log = CallLog.of(mapped, { calls: part.callsPerCaller });
joinPool(core, { machineNumber: 2 });
(part.role === 'server' ? serve : callAll)(core, log, part);
leavePool(core);
process.disconnect();
