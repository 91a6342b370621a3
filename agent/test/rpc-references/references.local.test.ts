/** Two processes call each other with references, and one of them is killed in the middle: what is left is nothing. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { inspectPool } from '../../src/inspect/index.ts';
import { type ArmedCrash, fenceProcess, recoverClient } from '../../src/pool/pool.ts';
import { poolSizeBytes } from '../pool/pool-files.ts';
import { type HeapPool, openHeaps } from '../shm/heap-pool.ts';
import type { Part, Role, Said } from './reference-participant.ts';

const program = fileURLToPath(new URL('../../dist/test-reference-participant.mjs', import.meta.url));

beforeAll(async () => {
  const entry = fileURLToPath(new URL('reference-participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

const machines = { caller: 2, server: 3 } as const;

class Participant {
  readonly child: ChildProcess;
  readonly role: Role;
  readonly exit: Promise<readonly [code: number | null, signal: string | null]>;
  #calls = 0;
  #end: Extract<Said, { readonly end: string }> | undefined;
  #wake: () => void = () => {};

  constructor(pool: HeapPool, role: Role, crash?: ArmedCrash) {
    const { [Symbol.dispose]: _, ...files } = pool.files;
    const part: Part = { files, machineNumber: machines[role], ...(crash === undefined ? {} : { crash }) };
    this.role = role;
    this.child = fork(program, [role, JSON.stringify(part)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.exit = once(this.child, 'exit').then(([code, signal]) => [code, signal] as const);
    this.child.on('message', (said: Said) => {
      if ('calls' in said) this.#calls = said.calls;
      else this.#end = said;
      this.#wake();
    });
    void this.exit.then(() => this.#wake());
  }

  /** Waits until it has got so far, or has ended. */
  async calls(count: number): Promise<void> {
    while (this.#calls < count && this.child.exitCode === null && this.child.signalCode === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What it said last, once it has ended by itself. */
  async end(): Promise<Said | undefined> {
    expect(await this.exit).toEqual([0, null]);
    return this.#end;
  }
}

async function afterTheEndOf(pool: HeapPool, dead: Participant, survivor: Participant): Promise<void> {
  expect(await dead.exit).toEqual([null, 'SIGKILL']);
  const [core] = pool.cores;
  const clients = fenceProcess(core!, { machineNumber: machines[dead.role], pid: dead.child.pid! });
  expect(clients).toHaveLength(1);
  for (const client of clients) recoverClient(core!, client);

  const end = await survivor.end();
  // A server that never met its caller cannot know it for lost.
  const told = survivor.role === 'server' ? /^(PEER_LOST|CLOSED)$/ : /^(PEER_LOST|OUTCOME_UNKNOWN)$/;
  expect(end).toEqual({ end: expect.stringMatching(told), forgotten: 0 });
  pool.heaps[0]!.collect();
  const { heap, connections, problems } = inspectPool(core!.pool, poolSizeBytes);
  expect([problems, heap!.objects, heap!.queues, heap!.corpses, connections]).toEqual([[], 0, [], 0, []]);
}

test.each(['caller', 'server'] as const)('a %s that is killed in the middle of calls leaves nothing', async (role) => {
  using pool = openHeaps(1);
  for (const calls of [200, 1_000]) {
    const server = new Participant(pool, 'server');
    const caller = new Participant(pool, 'caller');
    const [dead, survivor] = role === 'caller' ? [caller, server] : [server, caller];
    await dead.calls(calls);
    dead.child.kill('SIGKILL');
    await afterTheEndOf(pool, dead, survivor);
  }
});

test.each([
  ['caller', 'shm/send/after-fill', 301],
  ['caller', 'shm/send/after-commit', 302],
  ['caller', 'rpc/call/after-publish', 150],
  ['caller', 'shm/receive/after-move', 77],
  ['caller', 'shm/receive/after-commit', 78],
  ['caller', 'shm/queue/after-commit', 1],
  ['server', 'shm/receive/after-move', 201],
  ['server', 'shm/receive/after-commit', 202],
  ['server', 'rpc/serve/after-take', 99],
  ['server', 'shm/send/after-fill', 301],
  ['server', 'shm/send/after-commit', 303],
  ['server', 'shm/queue/after-describe', 1],
  ['server', 'rpc/serve/after-publish', 150],
] as const)('a %s that dies at %s, passage %i, leaves nothing', async (role, point, hit) => {
  using pool = openHeaps(1);
  const crash = { point, hit };
  const server = new Participant(pool, 'server', role === 'server' ? crash : undefined);
  const caller = new Participant(pool, 'caller', role === 'caller' ? crash : undefined);
  await (role === 'caller' ? afterTheEndOf(pool, caller, server) : afterTheEndOf(pool, server, caller));
});
