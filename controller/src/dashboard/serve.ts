/** The dashboard's server: on the loopback alone, reading alone, for pages of its own alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { usageError } from '../errors/cxlpod-error.ts';
import { expositionType, printMetrics } from '../metrics/exposition.ts';
import { poolMetrics } from '../metrics/pool-metrics.ts';
import { script, stylesheet } from './assets.ts';
import { renderNow, renderPage } from './pages.ts';
import type { PodSnapshot } from './watch-pod.ts';

const loopback = '127.0.0.1';

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** `port` 0: any that is free. Throws `PORT_TAKEN`. */
export async function serveDashboard(look: () => Promise<PodSnapshot>, port: number): Promise<Served> {
  const server = createServer((request, response) => {
    answer(request, response, look).catch(() => response.destroy());
  });
  await listen(server, port);
  const at = server.address() as AddressInfo;
  return {
    url: `http://${loopback}:${at.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, look: () => Promise<PodSnapshot>): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { ...headers, 'content-type': type, ...(status === 405 ? { allow: 'GET' } : {}) });
    response.end(body);
  };
  const refuse = (status: number, why: string): void => send(status, 'text/plain; charset=utf-8', `${why}\n`);
  // A page from elsewhere may have its own name lead here: then the browser says that name.
  if (!isOurs(request.headers.host, request.socket.localPort)) return refuse(421, 'this is not the host that was asked for');
  if (request.method !== 'GET') return refuse(405, 'only GET');
  switch (new URL(request.url ?? '/', `http://${loopback}`).pathname) {
    case '/':
      return send(200, 'text/html; charset=utf-8', renderPage(await look()));
    case '/now':
      return send(200, 'text/html; charset=utf-8', renderNow(await look()).text);
    case '/state.json':
      return send(200, 'application/json', JSON.stringify(await look()));
    case '/metrics': {
      const { reading } = await look();
      if (reading === null) return refuse(503, 'the pool cannot be read');
      return send(200, expositionType, printMetrics(poolMetrics(reading)));
    }
    case '/dashboard.js':
      return send(200, 'text/javascript; charset=utf-8', script);
    case '/style.css':
      return send(200, 'text/css; charset=utf-8', stylesheet);
    default:
      return refuse(404, 'there is nothing here');
  }
}

function isOurs(host: string | undefined, port: number | undefined): boolean {
  return host === `${loopback}:${port}` || host === `localhost:${port}`;
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, loopback, resolve);
  }).catch((error: unknown) => {
    throw usageError('PORT_TAKEN', `port ${port} cannot be had`, {
      cause: error,
      hint: 'another --port, or none: then any that is free',
    });
  });
}
