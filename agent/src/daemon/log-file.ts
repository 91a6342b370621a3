import { closeSync, openSync, writeSync } from 'node:fs';
import { AgentError } from '../protocol/agent-error.ts';

/** The agent's log, written synchronously: what was logged before a crash can be read after it. */
export class LogFile {
  /** For the output of workers, which goes to the same file. */
  readonly descriptor: number;
  #bytesLeft = 16 * 1024 * 1024;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  static open(path: string): LogFile {
    try {
      return new LogFile(openSync(path, 'a', 0o600));
    } catch (error) {
      throw new AgentError('LOG_UNWRITABLE', `the agent cannot write its log ${path}`, {
        cause: error,
        hint: 'see that the folder exists and the disk is not full',
      });
    }
  }

  write(level: 'info' | 'warn' | 'error', message: string): void {
    if (this.#bytesLeft <= 0) return;
    const line = `${new Date().toISOString()} ${level} ${message}\n`;
    this.#bytesLeft -= Buffer.byteLength(line);
    try {
      writeSync(this.descriptor, this.#bytesLeft > 0 ? line : `${line}the log is full: nothing is written from here\n`);
    } catch {
      // A full disk must not end the agent: it still has workers to fence.
      this.#bytesLeft = 0;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
