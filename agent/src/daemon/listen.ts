import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { AgentError } from '../protocol/agent-error.ts';

export interface Listening {
  close(): void;
}

/**
 * Listens on a unix socket that only this user may open. One agent a socket: the right to it is an *abstract* socket of the
 * same name, which the kernel gives to one process and takes back when it dies. So a socket file that is found by the
 * one who has the right is stale, however two agents may race.
 */
export async function listenAlone(socketPath: string, onConnection: (socket: Socket) => void): Promise<Listening> {
  const right = await claim(socketPath);
  const server = createServer(onConnection);
  try {
    rmSync(socketPath, { force: true });
    const formerMask = process.umask(0o177);
    try {
      await listening(server, socketPath);
    } finally {
      process.umask(formerMask);
    }
  } catch (error) {
    right.close();
    throw new AgentError('SOCKET_UNUSABLE', `the agent cannot listen on ${socketPath}`, {
      cause: error,
      hint: 'see that its folder exists and is writable',
    });
  }
  return {
    close: () => {
      server.close();
      right.close();
    },
  };
}

/** sun_path without the zero that makes a name abstract. */
const abstractNameLimitBytes = 107;

async function claim(socketPath: string): Promise<Server> {
  const right = createServer((socket) => socket.destroy());
  try {
    await listening(right, `\0${resolve(socketPath).slice(-abstractNameLimitBytes)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new AgentError('AGENT_RUNNING', `an agent answers on ${socketPath} already`, {
      cause: 'its process still holds the socket',
      hint: 'use that one, or end it with SIGTERM first',
    });
  }
  return right;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
