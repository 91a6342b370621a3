/** Commands, files, sockets and shells on a machine, over one ssh connection. The only importer of ssh2. */
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { type CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import { publicKeyBlob } from './key-pair.ts';
import { quoteCommand } from './quote.ts';

export interface SshTarget {
  /** For messages. */
  readonly machine: string;
  readonly host: string;
  readonly port: number;
  readonly privateKey: string;
  /** The only host key that is accepted. */
  readonly hostPublicKey: string;
}

export interface ExecResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshSession {
  exec(argv: readonly string[], options?: { timeoutMs?: number; stdin?: string | Buffer }): Promise<ExecResult>;
  /** A byte stream to a unix socket on the machine: sshd's own forwarding, no process in between. */
  openUnixSocket(path: string): Promise<Duplex>;
  /** An interactive shell on this process's terminal; resolves with its exit code. */
  shell(): Promise<number>;
  readonly isOpen: boolean;
  close(): void;
}

const attemptTimeoutMs = 10_000;
const retryAfterMs = 50;
const execTimeoutMs = 60_000;
const outputLimitBytes = 16 * 1024 * 1024;
/** A paused machine answers nothing; it must not be cut off before a scenario can resume it. */
const keepalive = { keepaliveInterval: 10_000, keepaliveCountMax: 6 } as const;

/** Tries until `signal` is aborted or the deadline passes: the port may be open long before the guest answers on it. */
export async function connectSsh(target: SshTarget, options: { deadlineMs: number; signal?: AbortSignal }): Promise<SshSession> {
  const { deadlineMs, signal } = options;
  const endMs = performance.now() + deadlineMs;
  let lastError: unknown = new Error('it was never tried');
  while (performance.now() < endMs) {
    signal?.throwIfAborted();
    try {
      return await connectOnce(target, Math.min(attemptTimeoutMs, endMs - performance.now()), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (isHostKeyRefusal(error)) throw wrongHostKey(target);
      lastError = error;
    }
    await delay(retryAfterMs, undefined, signal === undefined ? {} : { signal });
  }
  throw environmentError('SSH_SILENT', `${target.machine} did not answer ssh within ${deadlineMs / 1000} s`, {
    cause: lastError,
  });
}

async function connectOnce(target: SshTarget, timeoutMs: number, signal: AbortSignal | undefined): Promise<SshSession> {
  const client = new Client();
  const expected = publicKeyBlob(target.hostPublicKey);
  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: 'root',
    privateKey: target.privateKey,
    hostVerifier: (key: Buffer) => key.equals(expected),
    readyTimeout: Math.max(1, timeoutMs),
    algorithms: { serverHostKey: ['ssh-ed25519'], kex: ['curve25519-sha256'], cipher: ['aes128-gcm@openssh.com'] },
    ...keepalive,
  };
  const abort = (): void => void client.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.once('error', reject);
      client.once('close', () => reject(new Error('the connection was closed')));
      client.connect(config);
    });
  } catch (error) {
    // A connection that is given up may fail once more on its way out.
    client.on('error', () => {});
    client.destroy();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  client.setNoDelay(true);
  return new Ssh2Session(client, target.machine);
}

class Ssh2Session implements SshSession {
  readonly #client: Client;
  readonly #machine: string;
  #open = true;
  #lostBecause: Error | null = null;

  constructor(client: Client, machine: string) {
    this.#client = client;
    this.#machine = machine;
    client.on('error', (error) => {
      this.#lostBecause = error;
    });
    client.on('close', () => {
      this.#open = false;
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  async exec(argv: readonly string[], options: { timeoutMs?: number; stdin?: string | Buffer } = {}): Promise<ExecResult> {
    const { timeoutMs = execTimeoutMs, stdin } = options;
    const what = argv.join(' ').slice(0, 120);
    const channel = await this.#channel<ClientChannel>(`run ${what}`, (done) => this.#client.exec(quoteCommand(argv), done));
    const output = [new Output(channel), new Output(channel.stderr)] as const;
    let timer: NodeJS.Timeout | undefined;
    try {
      const exitCode = await new Promise<number | null>((resolve, reject) => {
        timer = setTimeout(
          () => reject(this.#error('EXEC_TIMEOUT', `${what} did not end within ${timeoutMs / 1000} s`)),
          timeoutMs,
        );
        let code: number | null | undefined;
        channel.on('exit', (status: number | null) => {
          code = status;
        });
        channel.on('close', () => {
          // A channel that closes without an exit status lost its connection, not its program.
          if (code === undefined) reject(this.#error('SSH_LOST', `the connection was lost during ${what}`));
          else resolve(code);
        });
        for (const each of output) each.onOverflow(() => reject(this.#error('EXEC_OUTPUT', `${what} wrote more than 16 MiB`)));
        channel.on('error', reject);
        channel.end(stdin);
      });
      return { exitCode, stdout: output[0].text(), stderr: output[1].text() };
    } finally {
      clearTimeout(timer);
      channel.destroy();
    }
  }

  openUnixSocket(path: string): Promise<Duplex> {
    return this.#channel<ClientChannel>(`reach ${path}`, (done) => this.#client.openssh_forwardOutStreamLocal(path, done));
  }

  async shell(): Promise<number> {
    const { stdin, stdout } = process;
    const size = (): { rows: number; cols: number } => ({ rows: stdout.rows ?? 24, cols: stdout.columns ?? 80 });
    const channel = await this.#channel<ClientChannel>('open a shell', (done) =>
      this.#client.shell({ term: process.env.TERM ?? 'xterm', ...size(), height: 0, width: 0 }, done),
    );
    const onResize = (): void => channel.setWindow(size().rows, size().cols, 0, 0);
    stdout.on('resize', onResize);
    if (stdin.isTTY) stdin.setRawMode(true);
    try {
      channel.pipe(stdout, { end: false });
      channel.stderr.pipe(process.stderr, { end: false });
      stdin.pipe(channel);
      return await new Promise<number>((resolve) => {
        let code = 0;
        channel.on('exit', (status: number | null) => {
          code = status ?? 1;
        });
        channel.on('close', () => resolve(code));
      });
    } finally {
      stdin.unpipe(channel);
      stdin.pause();
      if (stdin.isTTY) stdin.setRawMode(false);
      stdout.off('resize', onResize);
    }
  }

  close(): void {
    this.#open = false;
    this.#client.end();
    this.#client.destroy();
  }

  /** Opens a channel; its failure, or the end of the connection meanwhile, rejects. */
  #channel<Channel>(what: string, open: (done: (error: Error | undefined, channel: Channel) => void) => void): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(this.#error('SSH_LOST', `could not ${what} on ${this.#machine}`));
      if (!this.#open) return lost();
      this.#client.once('close', lost);
      open((error, channel) => {
        this.#client.off('close', lost);
        if (error === undefined) resolve(channel);
        else reject(environmentError('SSH_REFUSED', `could not ${what} on ${this.#machine}`, { cause: error }));
      });
    });
  }

  #error(code: string, message: string): CxlpodError {
    return environmentError(code, `${this.#machine}: ${message}`, this.#lostBecause === null ? {} : { cause: this.#lostBecause });
  }
}

/** What a program wrote, up to a limit. */
class Output {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #overflow: () => void = () => {};

  constructor(stream: NodeJS.ReadableStream) {
    stream.on('data', (chunk: Buffer) => {
      this.#sizeBytes += chunk.length;
      if (this.#sizeBytes > outputLimitBytes) this.#overflow();
      else this.#chunks.push(chunk);
    });
  }

  onOverflow(listener: () => void): void {
    this.#overflow = listener;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

function isHostKeyRefusal(error: unknown): boolean {
  return error instanceof Error && /host.*(denied|verification)/i.test(error.message);
}

function wrongHostKey(target: SshTarget): CxlpodError {
  return environmentError('SSH_HOST_KEY', `what answers at ${target.host}:${target.port} is not ${target.machine} of this pod`, {
    cause: new Error('it showed another host key'),
    hint: 'cxlpod down, then cxlpod up',
  });
}
