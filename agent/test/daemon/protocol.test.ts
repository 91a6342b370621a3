import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import {
  type AgentHello,
  EventBacklog,
  greetAgent,
  greetController,
  lineChannel,
  protocolVersion,
  readAgentLine,
  readRequest,
} from '../../src/protocol/index.ts';

function pair(): [Duplex, Duplex] {
  return duplexPair() as [Duplex, Duplex];
}

/** A pair whose far end is written by hand and read by nobody. */
function pairWithRawPeer(): [Duplex, Duplex] {
  const [near, far] = pair();
  far.resume();
  return [near, far];
}

const hello: AgentHello = {
  hello: 'cxlpod-agent',
  protocol: protocolVersion,
  layout: 'aaaa',
  machine: 'vm1',
  pid: 7,
  instance: 'i1',
};

describe('a line channel', () => {
  test('puts messages together however the bytes are cut, also inside a character', async () => {
    const [near, far] = pairWithRawPeer();
    const channel = lineChannel(near);
    const seen: unknown[] = [];
    channel.onMessage((message) => seen.push(message));

    for (const byte of Buffer.from('{"a":"ü→"}\n[1]\n')) far.write(Buffer.of(byte));
    far.end();
    expect(await channel.closed).toBeNull();

    expect(seen).toEqual([{ a: 'ü→' }, [1]]);
  });

  test('keeps messages for a listener that comes late, in order', async () => {
    const [near, far] = pairWithRawPeer();
    const channel = lineChannel(near);
    far.write('1\n2\n3\n');
    expect(await channel.next('the first', 5_000)).toBe(1);

    const seen: unknown[] = [];
    channel.onMessage((message) => seen.push(message));
    far.end('4\n');
    await channel.closed;

    expect(seen).toEqual([2, 3, 4]);
  });

  test('does not lose a message when more arrive than it keeps for a late listener', async () => {
    const [near, far] = pairWithRawPeer();
    const channel = lineChannel(near);
    const sent = Array.from({ length: 5_000 }, (_, index) => index);
    far.end(sent.map((value) => `${value}\n`).join(''));
    expect(await channel.next('the first', 5_000)).toBe(0);

    const seen: unknown[] = [];
    channel.onMessage((message) => seen.push(message));
    await channel.closed;

    expect(seen).toEqual(sent.slice(1));
  });

  test('refuses a line that is not JSON, tells the peer why, and ends', async () => {
    const [near, far] = pair();
    const channel = lineChannel(near);
    const peer = lineChannel(far);
    far.write('Welcome to Debian\n');

    expect((await channel.closed)?.code).toBe('BAD_LINE');
    expect(await peer.next('the refusal', 5_000)).toMatchObject({ refused: { code: 'BAD_LINE' } });
    expect(channel.send({ more: true })).toBe(false);
  });

  test.each([
    ['with its end', `"${'x'.repeat(100)}"\n`],
    ['without an end', 'x'.repeat(101)],
    ['in pieces', null],
  ])('refuses a line over the limit %s', async (_, bytes) => {
    const [near, far] = pairWithRawPeer();
    const channel = lineChannel(near, { lineBytes: 100 });
    if (bytes === null) for (let piece = 0; piece < 11; piece++) far.write('0123456789');
    else far.write(bytes);

    expect((await channel.closed)?.code).toBe('LINE_TOO_LONG');
  });

  test('takes a line of exactly the limit', async () => {
    const [near, far] = pairWithRawPeer();
    const channel = lineChannel(near, { lineBytes: 100 });
    far.write(`"${'x'.repeat(98)}"\n`);
    expect(await channel.next('it', 5_000)).toBe('x'.repeat(98));
    channel.close();
  });

  test('drops a peer that does not read, instead of keeping its output forever', async () => {
    const [near] = pair();
    const channel = lineChannel(near, { pendingOutputBytes: 100_000 });
    for (let index = 0; index < 10_000 && channel.send({ index, padding: 'x'.repeat(100) }); index++);
    expect((await channel.closed)?.code).toBe('PEER_TOO_SLOW');
  });

  test('says what it waited for when nothing comes', async () => {
    const [near] = pairWithRawPeer();
    const channel = lineChannel(near);
    await expect(channel.next('hello from nobody', 20)).rejects.toMatchObject({
      code: 'CHANNEL_SILENT',
      message: 'no hello from nobody within 20 ms',
    });
    channel.close();
  });
});

describe('the handshake', () => {
  test('tells the agent how far its events were seen', async () => {
    const [near, far] = pair();
    const [theirs, ours] = await Promise.all([
      greetController(lineChannel(near), hello),
      greetAgent(lineChannel(far), { layout: 'aaaa', session: 's1', lastEventOf: (instance) => (instance === 'i1' ? 17 : 0) }),
    ]);
    expect(theirs.lastEvent).toBe(17);
    expect(ours).toEqual(hello);
  });

  test.each([
    ['PROTOCOL_MISMATCH', { protocol: 99, layout: 'aaaa' }, '99'],
    ['LAYOUT_MISMATCH', { protocol: protocolVersion, layout: 'bbbb' }, 'agent aaaa, controller bbbb'],
  ])('is refused by the agent with %s and both values', async (code, differs, cause) => {
    const [near, far] = pair();
    const controller = lineChannel(far);
    const agentSide = greetController(lineChannel(near), hello);
    await controller.next('hello', 5_000);
    controller.send({ hello: 'cxlpod-controller', session: 's1', lastEvent: 0, ...differs });

    await expect(agentSide).rejects.toMatchObject({ code });
    expect(await controller.next('the refusal', 5_000)).toMatchObject({
      refused: { code, cause: expect.stringContaining(cause), hint: expect.any(String) },
    });
  });

  test.each([
    ['PROTOCOL_MISMATCH', { protocol: 99, somethingNew: true }],
    ['LAYOUT_MISMATCH', { layout: 'bbbb' }],
    ['BAD_HELLO', { pid: 'seven' }],
    ['BAD_HELLO', { hello: 'sshd' }],
  ])('is refused by the controller with %s', async (code, differs) => {
    const [near, far] = pair();
    near.write(`${JSON.stringify({ ...hello, ...differs })}\n`);
    await expect(greetAgent(lineChannel(far), { layout: 'aaaa', session: 's1', lastEventOf: () => 0 })).rejects.toMatchObject({
      code,
    });
  });
});

describe('a request from the wire', () => {
  const good = { id: 3, request: 'stopWorker', parameters: { worker: 'w1', how: 'kill' } };

  test('is read', () => {
    expect(readRequest(good)).toEqual(good);
    const start = { id: 0, request: 'startWorker', parameters: { worker: 'w', crash: { point: 'a/b', hit: 1 } } };
    expect(readRequest(start)).toEqual(start);
  });

  test.each([
    [{ ...good, request: 'reboot' }, 3],
    [{ ...good, parameters: { worker: '../w', how: 'kill' } }, 3],
    [{ ...good, parameters: { worker: 'w1', how: 'kill', force: true } }, 3],
    [{ ...good, parameters: { worker: 'w1' } }, 3],
    [{ ...good, parameters: null }, 3],
    [{ id: 3, request: 'exec', parameters: { argv: [], timeoutMs: 1 } }, 3],
    [{ id: 3, request: 'exec', parameters: { argv: ['x'], timeoutMs: 0.5 } }, 3],
    [{ id: 3, request: '__proto__', parameters: {} }, 3],
    [{ ...good, id: -1 }, null],
    [{ ...good, id: '3' }, null],
    ['status', null],
    [null, null],
    [[], null],
  ])('%j is refused, to the id it names', (message, requestId) => {
    expect(() => readRequest(message)).toThrowError(expect.objectContaining({ code: 'BAD_REQUEST', requestId }));
  });
});

test('the lines of an agent are told apart', () => {
  expect(readAgentLine({ id: 1, result: null }).kind).toBe('answer');
  expect(readAgentLine({ id: 1, error: { code: 'X', message: 'y' } }).kind).toBe('answer');
  expect(readAgentLine({ event: 1, body: { event: 'log', level: 'info', message: 'm' } }).kind).toBe('event');
  expect(readAgentLine({ refused: { code: 'X', message: 'y' } }).kind).toBe('refused');
  for (const wrong of [null, 1, {}, { id: 1 }, { event: 1, body: { event: 'gossip' } }, { event: 0, body: null }]) {
    expect(() => readAgentLine(wrong)).toThrowError(expect.objectContaining({ code: 'BAD_LINE' }));
  }
});

describe('the event backlog', () => {
  const log = (message: string) => ({ event: 'log', level: 'info', message }) as const;

  test('numbers events from 1 and gives again what came after a number', () => {
    const backlog = new EventBacklog(10);
    for (const message of ['a', 'b', 'c']) backlog.append(log(message));
    expect(backlog.after(1)).toEqual([
      { event: 2, body: log('b') },
      { event: 3, body: log('c') },
    ]);
    expect(backlog.after(3)).toEqual([]);
  });

  test('keeps the newest of too many, with their numbers', () => {
    const backlog = new EventBacklog(10);
    for (let index = 1; index <= 1_003; index++) backlog.append(log(String(index)));
    expect(backlog.after(0).map((line) => line.event)).toEqual(Array.from({ length: 10 }, (_, index) => 994 + index));
  });
});
