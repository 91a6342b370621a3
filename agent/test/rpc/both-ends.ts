/** Server and caller of a service in one thread: their turns alternate on the event loop. */
import type { Core } from '../../src/pool/core.ts';
import { RpcError } from '../../src/rpc/index.ts';
import type { ServiceServer } from '../../src/rpc/serve.ts';
import { joinedCores, poolFiles } from '../pool/pool-files.ts';

export interface Ends extends AsyncDisposable {
  /** Threads of the pool: of the server, the caller, and others. */
  readonly cores: readonly Core[];
  /** Polls the server in turns until the test ends. */
  run(server: ServiceServer): Promise<string>;
}

export function bothEnds(threads = 2): Ends {
  const files = poolFiles();
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  return {
    cores: joinedCores(files, threads),
    run: (server) => {
      const end = server.runAsync(stop.signal);
      running.push(end);
      return end;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(running);
      files[Symbol.dispose]();
    },
  };
}

/** The code with which a call ends. */
export async function codeOf(call: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
  return 'OK';
}

/** Lets everything else on the event loop run until the state is there; the test's own timeout is the deadline. */
export async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
}
