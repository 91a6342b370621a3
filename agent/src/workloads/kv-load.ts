import { monotonicNs } from '../pool/clock.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { kvShape, partitionList, storeOf } from './kv-store-of.ts';
import { claimAll, KvValues, valueLeastBytes } from './kv-values.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['kv-load']['parameters'];

/** Makes the store if need be, claims its part of it, and puts those of the records 0 to `records` - 1 that belong there. */
export const kvLoad: Workload<'kv-load'> = {
  parameters: object<Parameters>({
    store: name,
    shape: kvShape,
    claims: partitionList,
    records: integer(1, 2 ** 29),
    valueBytes: integer(valueLeastBytes, 2 ** 20),
    version: integer(1, 2 ** 24 - 1),
  }),
  run: ({ core }, { store: storeName, shape, claims, records, valueBytes, version }) => {
    const store = storeOf(core, storeName, shape);
    claimAll(store, claims);
    const own = new Set(claims);
    const values = new KvValues(wholeWords(valueBytes));
    const startNs = monotonicNs();
    let loaded = 0;
    for (let key = 0; key < records; key++) {
      if (!own.has(store.partitionOf(key))) continue;
      store.put(key, values.make(key, version));
      loaded++;
    }
    return { loaded, elapsedNs: monotonicNs() - startNs };
  },
};

export function wholeWords(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}
