import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { wholeWords } from './kv-load.ts';
import { kvShape, storeOf } from './kv-store-of.ts';
import { KvValues, valueLeastBytes } from './kv-values.ts';
import type { Workload } from './workload.ts';

/** Reads every record and looks at all of its bytes: what is there, whole, and what is not. */
export const kvCheck: Workload<'kv-check'> = {
  parameters: object<Tasks['kv-check']['parameters']>({
    store: name,
    shape: kvShape,
    records: integer(1, 2 ** 29),
    valueBytes: integer(valueLeastBytes, 2 ** 20),
  }),
  run: ({ core }, { store: storeName, shape, records, valueBytes }) => {
    const store = storeOf(core, storeName, shape);
    const values = new KvValues(wholeWords(valueBytes));
    const flaws: string[] = [];
    let found = 0;
    let lastVersion = 0;
    let versionSum = 0;
    for (let key = 0; key < records; key++) {
      const flaw = values.look(store, key);
      if (flaw === undefined) continue;
      if (flaw === '') found++;
      else if (flaws.length < 20) flaws.push(`the value of key ${key} is ${flaw}`);
      lastVersion = Math.max(lastVersion, values.version);
      versionSum += values.version;
    }
    return { found, missing: records - found - flaws.length, flaws, lastVersion, versionSum };
  },
};
