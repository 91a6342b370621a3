/** What ends a process at an access to shared memory that it was armed with. */
import { writeSync } from 'node:fs';
import { native } from './native.ts';

/** What it says stands in the agent's log: the proof that it died there. */
export function endsAtAccess(who: 'agent' | 'worker', number: number) {
  return (what: number, address: number, site: number): never => {
    writeSync(2, `${who} ${process.pid} dies at access ${number} (kind ${what & 15}, address ${address}, site ${site})\n`);
    return native().die();
  };
}
