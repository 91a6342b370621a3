/** The client against a socket that speaks what QEMU speaks; that QEMU speaks it is for the cluster tests to show. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectQmp, type Qmp } from '../../src/qmp/qmp.ts';

const greeting = { QMP: { version: { qemu: { major: 11, minor: 1, micro: 3 } }, capabilities: [] } };

let folder: string;
let path: string;
let server: Server;
let qmp: Qmp | null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qmp-'));
  path = join(folder, 'qmp.sock');
  qmp = null;
});

afterEach(async () => {
  qmp?.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

interface Command {
  readonly execute: string;
  readonly arguments: unknown;
  readonly id: number;
}

async function serve(onCommand: (command: Command, socket: Socket) => void, greet = true): Promise<void> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    if (greet) socket.write(`${JSON.stringify(greeting)}\r\n`);
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trim().split('\n')) onCommand(JSON.parse(line) as Command, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

const answer = (socket: Socket, message: object): void => {
  socket.write(`${JSON.stringify(message)}\r\n`);
};

describe('the QMP client', () => {
  test('negotiates before anything else and knows the version', async () => {
    const commands: string[] = [];
    await serve((command, socket) => {
      commands.push(command.execute);
      answer(socket, { return: {}, id: command.id });
    });

    qmp = await connectQmp(path);
    await qmp.pause();
    await qmp.resume();

    expect(commands).toEqual(['qmp_capabilities', 'stop', 'cont']);
    expect(await qmp.queryVersion()).toBe('11.1.3');
  });

  test('gives each answer to its own command, also out of order and in pieces', async () => {
    const held: Command[] = [];
    await serve((command, socket) => {
      if (command.execute === 'qmp_capabilities') return answer(socket, { return: {}, id: command.id });
      held.push(command);
      if (held.length < 2) return;
      const text = held
        .reverse()
        .map(({ id, execute }) => JSON.stringify({ return: `${execute} done`, id }))
        .join('\r\n');
      socket.write(text.slice(0, 17));
      setImmediate(() => socket.write(`${text.slice(17)}\r\n`));
    });

    qmp = await connectQmp(path);
    const answers = await Promise.all([qmp.execute('first'), qmp.execute('second')]);

    expect(answers).toEqual(['first done', 'second done']);
  });

  test('tells a refusal in QEMU’s words', async () => {
    await serve((command, socket) =>
      answer(
        socket,
        command.execute === 'set_link'
          ? { error: { class: 'DeviceNotFound', desc: "Device 'nic' not found" }, id: command.id }
          : { return: {}, id: command.id },
      ),
    );

    qmp = await connectQmp(path);

    await expect(qmp.setLink('nic', false)).rejects.toMatchObject({
      code: 'QMP_REFUSED',
      message: 'QEMU refused set_link',
      cause: new Error("Device 'nic' not found (DeviceNotFound)"),
    });
  });

  test('passes events on until its listener leaves', async () => {
    await serve((command, socket) => {
      if (command.execute === 'stop') answer(socket, { event: 'STOP', timestamp: {} });
      answer(socket, { return: {}, id: command.id });
    });
    qmp = await connectQmp(path);
    const events: string[] = [];
    const leave = qmp.onEvent((event) => events.push(event.event));

    await qmp.pause();
    leave();
    await qmp.pause();

    expect(events).toEqual(['STOP']);
  });

  test('fails what was asked when QEMU ends, and takes quit for done', async () => {
    await serve((command, socket) => {
      if (command.execute === 'qmp_capabilities') answer(socket, { return: {}, id: command.id });
      else socket.destroy();
    });
    qmp = await connectQmp(path);

    const asked = qmp.queryStatus();
    await expect(asked).rejects.toMatchObject({ code: 'QMP_LOST' });
    await qmp.closed;
    await expect(qmp.queryStatus()).rejects.toMatchObject({ code: 'QMP_LOST' });
    await qmp.quit();
  });

  test('gives up on a QEMU that is busy with another client', async () => {
    await serve(() => {}, false);

    await expect(connectQmp(path, 20)).rejects.toMatchObject({ code: 'QMP_SILENT' });
  });

  test('gives up on one command without losing the connection', async () => {
    await serve((command, socket) => {
      if (command.execute !== 'stop') answer(socket, { return: { status: 'running' }, id: command.id });
    });
    qmp = await connectQmp(path);

    await expect(qmp.execute('stop', {}, 20)).rejects.toMatchObject({ code: 'QMP_SILENT' });

    expect(await qmp.queryStatus()).toBe('running');
  });

  test('ends the connection over a line without end', async () => {
    await serve((command, socket) => {
      if (command.execute === 'qmp_capabilities') answer(socket, { return: {}, id: command.id });
      else socket.write(Buffer.alloc(5 * 1024 * 1024, 0x20));
    });
    qmp = await connectQmp(path);

    await expect(qmp.queryStatus()).rejects.toMatchObject({
      code: 'QMP_LOST',
      cause: new Error('a line is longer than 4194304 bytes'),
    });
  });

  test('says so when there is no QEMU', async () => {
    await serve(() => {});

    await expect(connectQmp(join(folder, 'none.sock'))).rejects.toMatchObject({ code: 'QMP_LOST' });
  });
});
