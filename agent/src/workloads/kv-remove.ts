import { name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { removeMeetings } from './kv-run.ts';
import { removeStore } from './kv-store-of.ts';
import type { Workload } from './workload.ts';

/** Takes a store away, and where those who ran on it met; the last client that lets go of it gives all of its memory back. */
export const kvRemove: Workload<'kv-remove'> = {
  parameters: object<Tasks['kv-remove']['parameters']>({ store: name }),
  run: ({ core }, { store }) => {
    removeMeetings(core);
    return { removed: removeStore(core, store) };
  },
};
