import { createServer } from 'node:http';
import type { Server } from 'node:net';

export interface EngineRequest {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
}

/** Answers the engine's HTTP interface on a unix socket: for failures that a real engine cannot be asked to have. */
export function fakeEngineServer(path: string, answer: (request: EngineRequest) => { status: number; body: unknown }): Server {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const { method = '', url = '' } = request;
      const { status, body } = answer({ method, url, body: text === '' ? null : JSON.parse(text) });
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  });
  server.listen(path);
  return server;
}
