import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Conversation } from '../../src/daemon/conversation.ts';
import {
  AgentError,
  type AgentHello,
  answerBacklog,
  greetAgent,
  type LineChannel,
  lineChannel,
  protocolVersion,
  type Request,
} from '../../src/protocol/index.ts';

const hello: AgentHello = {
  hello: 'cxlpod-agent',
  protocol: protocolVersion,
  layout: 'aaaa',
  machine: 'vm1',
  pid: 7,
  instance: 'i1',
};
const noLog = () => {};
const log = (message: string) => ({ event: 'log', level: 'info', message }) as const;

/** A conversation whose requests end when the test says so. */
function conversation() {
  const performed: { request: Request; end: (result: unknown) => void; fail: (error: Error) => void }[] = [];
  const subject = new Conversation(hello, (request) => new Promise((end, fail) => performed.push({ request, end, fail })), noLog);
  return { subject, performed };
}

async function attach(subject: Conversation, session: string, lastEvent = 0): Promise<LineChannel> {
  const [near, far] = duplexPair() as [Duplex, Duplex];
  void subject.attach(near);
  const channel = lineChannel(far);
  await greetAgent(channel, { layout: 'aaaa', session, lastEventOf: () => lastEvent });
  return channel;
}

const status = (id: number) => ({ id, request: 'status', parameters: {} });
const next = (channel: LineChannel) => channel.next('a line', 5_000);

describe('a request', () => {
  test('is answered with its result or its error', async () => {
    const { subject, performed } = conversation();
    const channel = await attach(subject, 's1');
    channel.send(status(1));
    channel.send(status(2));
    channel.send(status(3));
    await expect.poll(() => performed.length).toBe(3);
    performed[1]!.end('two');
    performed[0]!.end(undefined);
    performed[2]!.fail(new AgentError('NO', 'it fails', { cause: 'so it is', hint: 'try' }));

    expect(await next(channel)).toEqual({ id: 2, result: 'two' });
    expect(await next(channel)).toEqual({ id: 1, result: null });
    expect(await next(channel)).toEqual({ id: 3, error: { code: 'NO', message: 'it fails', cause: 'so it is', hint: 'try' } });
  });

  test('that is none is answered where it has an id, and ends the channel where it has none', async () => {
    const { subject, performed } = conversation();
    const channel = await attach(subject, 's1');
    channel.send({ id: 9, request: 'reboot', parameters: {} });
    expect(await next(channel)).toMatchObject({ id: 9, error: { code: 'BAD_REQUEST' } });

    channel.send({ greetings: true });
    expect(await next(channel)).toMatchObject({ refused: { code: 'BAD_REQUEST' } });
    expect(await channel.closed).toBeNull();
    expect(performed).toEqual([]);
  });

  test('sent again after the channel was lost is not done twice, and is answered on the new channel', async () => {
    const { subject, performed } = conversation();
    const lost = await attach(subject, 's1');
    lost.send(status(1));
    lost.send(status(2));
    await expect.poll(() => performed.length).toBe(2);
    lost.close();
    await lost.closed;
    performed[0]!.end('while nobody listened');

    const channel = await attach(subject, 's1');
    channel.send(status(1));
    channel.send(status(2));
    expect(await next(channel)).toEqual({ id: 1, result: 'while nobody listened' });
    performed[1]!.end('later');
    expect(await next(channel)).toEqual({ id: 2, result: 'later' });
    expect(performed.length).toBe(2);
  });

  test('sent again long after is told that its answer is gone, rather than done again', async () => {
    const { subject, performed } = conversation();
    const channel = await attach(subject, 's1');
    for (let id = 1; id <= answerBacklog + 1; id++) {
      channel.send(status(id));
      await expect.poll(() => performed.length).toBe(id);
      performed.at(-1)!.end(id);
      await next(channel);
    }
    channel.send(status(1));
    expect(await next(channel)).toMatchObject({ id: 1, error: { code: 'ANSWER_FORGOTTEN' } });
    channel.send(status(2));
    expect(await next(channel)).toEqual({ id: 2, result: 2 });
  });

  test('of another controller with the same number is another request', async () => {
    const { subject, performed } = conversation();
    const first = await attach(subject, 's1');
    first.send(status(1));
    await expect.poll(() => performed.length).toBe(1);
    const second = await attach(subject, 's2');
    second.send(status(1));
    await expect.poll(() => performed.length).toBe(2);
    performed[0]!.end('for the first');
    performed[1]!.end('for the second');
    expect(await next(second)).toEqual({ id: 1, result: 'for the second' });
    expect(await next(first)).toEqual({ id: 1, result: 'for the first' });
  });

  test('is not done again because another controller came by while its channel was lost', async () => {
    const { subject, performed } = conversation();
    const lost = await attach(subject, 's1');
    lost.send(status(1));
    await expect.poll(() => performed.length).toBe(1);
    lost.close();
    await lost.closed;
    await attach(subject, 's2');

    const channel = await attach(subject, 's1');
    channel.send(status(1));
    performed[0]!.end('once');

    expect(await next(channel)).toEqual({ id: 1, result: 'once' });
    expect(performed.length).toBe(1);
  });
});

describe('controllers', () => {
  test('stand side by side, and each sees every event', async () => {
    const { subject } = conversation();
    const first = await attach(subject, 's1');
    const second = await attach(subject, 's2');

    subject.emit(log('hello'));

    for (const channel of [first, second]) expect(await next(channel)).toEqual({ event: 1, body: log('hello') });
  });

  test('have one channel each: the one before is told and closed', async () => {
    const { subject } = conversation();
    const first = await attach(subject, 's1');
    const second = await attach(subject, 's1');
    expect(await next(first)).toMatchObject({ refused: { code: 'DISPLACED' } });
    expect(await first.closed).toBeNull();

    subject.emit(log('hello'));
    expect(await next(second)).toEqual({ event: 1, body: log('hello') });
  });

  test('are remembered up to a limit: who is away goes first, then who came first', async () => {
    const { subject } = conversation();
    const away = await attach(subject, 'away');
    const oldest = await attach(subject, 'oldest');
    away.close();
    await away.closed;
    for (let number = 1; number <= 14; number++) await attach(subject, `s${number}`);
    subject.emit(log('sixteen are known'));
    expect(await next(oldest)).toMatchObject({ event: 1 });

    await attach(subject, 's15');
    subject.emit(log('the one that was away is forgotten'));
    expect(await next(oldest)).toMatchObject({ event: 2 });
    await attach(subject, 's16');

    expect(await next(oldest)).toMatchObject({ refused: { code: 'DISPLACED' } });
  });

  test('that went away last are remembered longest, whoever came first', async () => {
    const { subject, performed } = conversation();
    const first = await attach(subject, 'first');
    first.send(status(1));
    await expect.poll(() => performed.length).toBe(1);
    performed[0]!.end('kept');
    await next(first);
    const others = [];
    for (let number = 1; number <= 15; number++) others.push(await attach(subject, `s${number}`));
    for (const channel of [others[0]!, first]) {
      channel.close();
      await channel.closed;
    }
    await attach(subject, 'one-too-many');

    const again = await attach(subject, 'first');
    again.send(status(1));
    expect(await next(again)).toEqual({ id: 1, result: 'kept' });
  });

  test('that asked for work are remembered before those that only looked: another controller may come for what came of it', async () => {
    const { subject, performed } = conversation();
    const killed = await attach(subject, 'killed');
    killed.send({ id: 1, request: 'stopWorker', parameters: { worker: 'client-1', how: 'kill' } });
    await expect.poll(() => performed.length).toBe(1);
    killed.close();
    await killed.closed;
    performed[0]!.end('done meanwhile');
    for (let number = 1; number <= 20; number++) {
      const looker = await attach(subject, `s${number}`);
      looker.send(status(1));
      await expect.poll(() => performed.length).toBe(number + 1);
      performed[number]!.end('seen');
      await next(looker);
      looker.close();
      await looker.closed;
    }

    const heir = await attach(subject, 'killed');
    heir.send({ id: 1, request: 'stopWorker', parameters: { worker: 'client-1', how: 'kill' } });
    expect(await next(heir)).toEqual({ id: 1, result: 'done meanwhile' });
  });

  test('that wait for an answer are remembered before those that wait for none', async () => {
    const { subject, performed } = conversation();
    const busy = await attach(subject, 'busy');
    busy.send(status(1));
    await expect.poll(() => performed.length).toBe(1);
    const idle = await attach(subject, 'idle');
    for (const channel of [busy, idle]) {
      channel.close();
      await channel.closed;
    }
    for (let number = 1; number <= 15; number++) await attach(subject, `s${number}`);

    const again = await attach(subject, 'busy');
    again.send(status(1));
    performed[0]!.end('once');
    expect(await next(again)).toEqual({ id: 1, result: 'once' });
    expect(performed.length).toBe(1);
  });

  test('must speak our language to be let in', async () => {
    const { subject } = conversation();
    const first = await attach(subject, 's1');
    const [near, far] = duplexPair() as [Duplex, Duplex];
    const attached = subject.attach(near);
    const stranger = lineChannel(far);
    await next(stranger);
    stranger.send({ hello: 'cxlpod-controller', protocol: protocolVersion, layout: 'bbbb', session: 's9', lastEvent: 0 });
    await attached;
    expect(await next(stranger)).toMatchObject({ refused: { code: 'LAYOUT_MISMATCH' } });

    subject.emit(log('still yours'));
    expect(await next(first)).toEqual({ event: 1, body: log('still yours') });
  });

  test('are sent the events they have not seen, and then the new ones', async () => {
    const { subject } = conversation();
    for (const message of ['a', 'b', 'c']) subject.emit(log(message));
    const channel = await attach(subject, 's1', 2);
    subject.emit(log('d'));
    expect(await next(channel)).toEqual({ event: 3, body: log('c') });
    expect(await next(channel)).toEqual({ event: 4, body: log('d') });
  });
});
