/** Reads a pool from its bytes, believes nothing, and says in sentences what is wrong. Needs no core and no mapping. */

export interface PoolInspection {
  readonly superblock: {
    readonly state: 'blank' | 'formatting' | 'formatted' | 'unknown';
    readonly layout: string;
    readonly sizeBytes: number;
    readonly formatterMachine: number;
    readonly formatterPid: number;
  };
  readonly clients: readonly {
    readonly id: number;
    readonly incarnation: number;
    readonly state: 'joining' | 'joined' | 'leaving' | 'free';
    readonly machine: number;
    readonly pid: number;
    readonly heartbeat: number;
    /** The newest incarnation of this slot whose end was seen; 0 for none. */
    readonly fencedIncarnation: number;
  }[];
  readonly services: readonly { readonly name: string; readonly connection: number | null; readonly epoch: number }[];
  readonly connections: readonly {
    readonly slot: number;
    readonly state: 'claimed' | 'listening' | 'open';
    readonly epoch: number;
    readonly server: number;
    readonly caller: number | null;
    readonly serverClosed: boolean;
    readonly callerClosed: boolean;
  }[];
  /** Empty for a sound pool. */
  readonly problems: readonly string[];
}

/** `bytes` from the start of the pool, at least its control part (`controlBytes`). `sizeBytes`: of the whole pool. */
export function inspectPool(_bytes: Uint8Array, _sizeBytes: number): PoolInspection {
  throw new Error('not built yet');
}

/** Reads the control part of a pool file and inspects it. */
export function inspectPoolFile(_path: string): PoolInspection {
  throw new Error('not built yet');
}
