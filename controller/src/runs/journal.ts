/**
 * `journal.jsonl` of a run folder: what the controller asked the agents to do for this run, written before it was asked, and what it was told,
 * written before anybody acts on it. With it another controller goes through the workload again: what was answered is answered from here,
 * what was asked is answered by the agent, who keeps it, and only what was never asked is asked.
 */
import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import type { SentRequest } from '../deploy/agent-connection.ts';
import { CxlpodError, type ExitCode, environmentError } from '../errors/cxlpod-error.ts';
import { isAt, type Post } from './crew/hand.ts';
import type { RunFolder } from './run-folder.ts';

const fileName = 'journal.jsonl';
/** In the place of the session of a request that no agent was sent. */
export const unsent = 'unsent';

type Asked = SentRequest;

/** Of one worker: which start of its post, in which boot of its machine. */
export interface HireEntry {
  readonly kind: 'hire';
  readonly post: Post;
  readonly attempt: number;
  readonly boot: number;
  /** `restart`: in the place of one that ended. */
  readonly by: 'workload' | 'restart';
  /** How many duties its post had had by then: it took on the last of them. */
  readonly duties: number;
  /** The fault that armed it, by its place in the scenario. */
  readonly armedBy: number | null;
  readonly sentNs: number;
  readonly asked: Asked;
}

export interface TaskEntry {
  readonly kind: 'task';
  readonly post: Post;
  readonly attempt: number;
  readonly task: string;
  readonly sentNs: number;
  readonly asked: Asked;
}

export type Answer =
  | { readonly result: unknown; readonly receivedNs: number }
  | { readonly error: CxlpodError; readonly receivedNs: number };

interface AnswerEntry {
  readonly kind: 'answer';
  readonly session: string;
  readonly id: number;
  readonly receivedNs: number;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string; readonly exitCode: ExitCode };
}

/** The run asked a worker to end. */
interface DismissEntry {
  readonly kind: 'dismiss';
  readonly key: string;
}

type Entry = HireEntry | TaskEntry | AnswerEntry | DismissEntry;

export interface PastTask extends TaskEntry {
  /** Null: nobody was told. */
  answer: Answer | null;
}

export interface PastHire extends HireEntry {
  answer: Answer | null;
  /** In the order asked. */
  readonly tasks: PastTask[];
}

export interface Past {
  readonly hires: readonly PastHire[];
  readonly dismissed: readonly string[];
}

export class Journal {
  readonly #path: string;

  constructor(folder: RunFolder) {
    this.#path = folder.join(fileName);
  }

  ask(entry: HireEntry | TaskEntry): void {
    this.#append(entry);
  }

  /** A request that `write` writes down before it is sent, and whose answer stands here before anybody acts on it. */
  async during<T>(request: (onSend: (asked: Asked) => void) => Promise<T>, write: (asked: Asked) => void): Promise<T> {
    let sent: Asked | undefined;
    const answer = request((asked) => {
      sent = asked;
      write(asked);
    });
    // It failed before it was sent, and so it must for whoever goes through this again.
    if (sent === undefined) {
      sent = { session: unsent, instance: unsent, line: this.#nextUnsent() };
      write(sent);
    }
    const told = await this.told(sent, answer);
    if ('error' in told) throw told.error;
    return told.result as T;
  }

  /** Unlike any other, also of a controller before this one. */
  #nextUnsent(): Asked['line'] {
    return { id: Number(process.hrtime.bigint()), request: 'status', parameters: {} };
  }

  /** Never rejects. */
  async told(asked: Asked, answer: Promise<unknown>): Promise<Answer> {
    const receivedNs = (): number => Number(process.hrtime.bigint());
    const told = await answer.then(
      (result): Answer => ({ result, receivedNs: receivedNs() }),
      (error: unknown): Answer => ({ error: asCxlpodError(error), receivedNs: receivedNs() }),
    );
    this.answer(asked, told);
    return told;
  }

  answer({ session, line: { id } }: Asked, answer: Answer): void {
    const { receivedNs } = answer;
    if ('result' in answer) {
      this.#append({ kind: 'answer', session, id, receivedNs, result: answer.result });
      return;
    }
    const { code, message, hint, exitCode } = answer.error;
    this.#append({
      ...{ kind: 'answer', session, id, receivedNs },
      error: { code, message, exitCode, ...(hint === undefined ? {} : { hint }) },
    });
  }

  dismiss(key: string): void {
    this.#append({ kind: 'dismiss', key });
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }

  /** Never throws: a full disk is found out, and told, by what the run is for. */
  #append(entry: Entry): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
    } catch {}
  }
}

/** What stands in it. A last line that was cut off by the end of its writer was acted on by nobody. Throws `BEGUN_UNREADABLE`. */
export function readJournal(folder: RunFolder): Past {
  const path = folder.join(fileName);
  if (!existsSync(path)) return { hires: [], dismissed: [] };
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  // After the last line break: nothing, or half a line, which is cut away, since the next one is appended.
  const half = Buffer.byteLength(lines.at(-1)!);
  if (half > 0) truncateSync(path, Buffer.byteLength(text) - half);
  const past = new PastReader();
  for (const [index, line] of lines.slice(0, -1).entries()) {
    try {
      past.read(JSON.parse(line) as Entry);
    } catch (error) {
      throw unreadable(`line ${index + 1} of ${path} is not what cxlpod wrote`, error);
    }
  }
  return past;
}

/** For whatever another controller needs, and cannot read. */
export function unreadable(message: string, cause: unknown): CxlpodError {
  return environmentError('BEGUN_UNREADABLE', message, {
    cause,
    hint: 'the run cannot be ended any more: cxlpod reset, or down and up, makes its pod as new; its pool and history can be looked at before with cxlpod inspect',
  });
}

class PastReader implements Past {
  readonly hires: PastHire[] = [];
  readonly dismissed: string[] = [];
  readonly #asked = new Map<string, PastHire | PastTask>();

  read(entry: Entry): void {
    if (entry.kind === 'dismiss') {
      this.dismissed.push(entry.key);
    } else if (entry.kind === 'hire') {
      const hire = { ...entry, answer: null, tasks: [] };
      this.hires.push(hire);
      this.#asked.set(keyOf(entry.asked.session, entry.asked.line.id), hire);
    } else if (entry.kind === 'task') {
      const task = { ...entry, answer: null };
      this.#hireOf(entry).tasks.push(task);
      this.#asked.set(keyOf(entry.asked.session, entry.asked.line.id), task);
    } else {
      this.#asked.get(keyOf(entry.session, entry.id))!.answer = answerOf(entry);
    }
  }

  #hireOf({ post, attempt }: TaskEntry): PastHire {
    return this.hires.find((each) => isAt(each.post, post) && each.attempt === attempt)!;
  }
}

function answerOf({ receivedNs, result, error }: AnswerEntry): Answer {
  if (error === undefined) return { receivedNs, result };
  const { code, message, hint, exitCode } = error;
  return { receivedNs, error: new CxlpodError(code, message, { exitCode, ...(hint === undefined ? {} : { hint }) }) };
}

function asCxlpodError(error: unknown): CxlpodError {
  return error instanceof CxlpodError ? error : environmentError('INTERNAL', String(error), { cause: error });
}

function keyOf(session: string, id: number): string {
  return `${session}/${id}`;
}
