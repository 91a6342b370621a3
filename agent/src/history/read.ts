/** Reads a history from its bytes: no core, no mapping; for the controller and for post-mortems. */

export type HistoryRecord =
  | (RecordSource & { readonly kind: 'invoke'; readonly operation: string; readonly call: number; readonly argument: number })
  | (RecordSource & {
      readonly kind: 'end';
      readonly operation: string;
      readonly call: number;
      readonly outcome: string;
      readonly result: number;
    })
  /** The proof that a fault fired: written just before the SIGKILL. */
  | (RecordSource & { readonly kind: 'last-words'; readonly point: string; readonly hit: number });

interface RecordSource {
  /** Order of all records of all machines, from 0. */
  readonly ticket: number;
  readonly machine: number;
  readonly pid: number;
  readonly client: number;
  readonly incarnation: number;
}

export interface History {
  readonly records: readonly HistoryRecord[];
  /** Tickets whose writer died before it published, or that are still being written. */
  readonly unpublished: readonly number[];
  /** Records that found no room. */
  readonly overflow: number;
  readonly capacity: number;
  /** What is wrong with the bytes, as sentences. */
  readonly problems: readonly string[];
}

/** Takes the whole file's bytes, or its beginning. */
export function readHistory(_bytes: Uint8Array): History {
  throw new Error('not built yet');
}

/** Reads the file in pieces, only as far as tickets were given. */
export function readHistoryFile(_path: string): History {
  throw new Error('not built yet');
}
