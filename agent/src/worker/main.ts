/** A worker process; the same file is its pool thread. Started by the agent with one end of a socket pair as descriptor 3. */
import { isMainThread } from 'node:worker_threads';
import { control } from './control.ts';
import { poolThread } from './pool-thread.ts';

if (isMainThread) control();
else poolThread();
