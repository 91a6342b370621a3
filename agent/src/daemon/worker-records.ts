/**
 * Which workers an agent has started, one file each, for the agent that comes after it. A worker is recorded before it is told to
 * join, so whoever joined from this machine and is not recorded as living is dead.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface WorkerRecord {
  readonly worker: string;
  readonly pid: number;
  /** See `ProcessState`. */
  readonly startTicks: number;
  /** The name of its fence. */
  readonly fence: string;
}

export class WorkerRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  add(record: WorkerRecord): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    // In one step: an agent that is killed here leaves the record or none.
    writeFileSync(`${this.#path(record.pid)}.next`, JSON.stringify(record));
    renameSync(`${this.#path(record.pid)}.next`, this.#path(record.pid));
  }

  remove(pid: number): void {
    rmSync(this.#path(pid), { force: true });
  }

  all(): readonly WorkerRecord[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    } catch {
      return [];
    }
    return names.map((name) => JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as WorkerRecord);
  }

  /** With what a killed agent left half written. */
  removeAll(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(pid: number): string {
    return join(this.#folder, `${pid}.json`);
  }
}
