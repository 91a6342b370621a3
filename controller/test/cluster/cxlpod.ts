/** Runs the built `cxlpod` as its users do, in a state folder of the test's own, and looks for what it left. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/cxlpod.mjs', import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** Resolves when standard error has this text; rejects when the program ends without it. */
  said(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** A place of its own: state, working directory, names of pods. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'cxlpod-'));
  readonly #pods: string[] = [];
  readonly #environment: NodeJS.ProcessEnv;

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.#environment = environment;
  }

  /** A name that no other test has; taken down at the end whatever happens. */
  newPod(): string {
    const pod = `t${randomBytes(4).toString('hex')}`;
    this.#pods.push(pod);
    return pod;
  }

  start(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [program, ...argv], {
      cwd: this.folder,
      env: { ...process.env, XDG_STATE_HOME: this.stateFolder, ...this.#environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        text[name] += chunk.toString();
      });
    }
    const ended = once(child, 'close').then(([exitCode, signal]) => ({ exitCode, signal, ...text }) as Ended);
    return {
      process: child,
      ended,
      said: async (wanted) => {
        while (!text.stderr.includes(wanted)) {
          const more = await Promise.race([once(child.stderr, 'data'), ended]);
          if (!Array.isArray(more) && !text.stderr.includes(wanted)) {
            throw new Error(`it ended without saying ${JSON.stringify(wanted)}:\n${text.stderr}`);
          }
        }
      },
    };
  }

  run(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.start(argv, environment).ended;
  }

  /** Runs it and insists on success. */
  async mustRun(argv: readonly string[]): Promise<Ended> {
    const ended = await this.run(argv);
    if (ended.exitCode !== 0) throw new Error(`cxlpod ${argv.join(' ')} ended with ${ended.exitCode}:\n${ended.stderr}`);
    return ended;
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  podFolder(pod: string): string {
    return join(this.stateFolder, 'cxlpod', pod);
  }

  /** Everything on this host that belongs to the pod, as sentences; nothing is what `down` promises. */
  leftovers(pod: string): string[] {
    const shared = `/dev/shm/cxlpod/${pod}`;
    return [
      ...this.processes(pod).map((pid) => `process ${pid}`),
      ...[this.podFolder(pod), shared].filter((path) => existsSync(path)),
      ...dockerNames(['ps', '--all', '--format', '{{.Names}}'], pod).map((name) => `container ${name}`),
      ...dockerNames(['network', 'ls', '--format', '{{.Name}}'], pod).map((name) => `network ${name}`),
    ];
  }

  /** Looked for in ways of its own: by the pod's name or folder in command line or environment; with `command` in the former. */
  processes(pod: string, command = ''): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((name) => ['cmdline', 'environ'].some((file) => has(`/proc/${name}/${file}`, pod)))
      .filter((name) => has(`/proc/${name}/cmdline`, command))
      .map(Number);
  }

  async clear(): Promise<void> {
    for (const pod of this.#pods) await this.mustRun(['down', '--name', pod]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function has(path: string, text: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes(text);
  } catch {
    return false;
  }
}

/** Names of what carries the pod's label; none where there is no Docker. */
function dockerNames(argv: readonly string[], pod: string): string[] {
  try {
    const filter = ['--filter', `label=cxlpod.pod=${pod}`];
    return execFileSync('docker', [...argv, ...filter], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')
      .filter((name) => name !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
