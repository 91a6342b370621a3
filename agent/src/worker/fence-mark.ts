/**
 * Whatever a worker starts inherits the name of its fence in its environment, and so do the children of that, also those that make a session
 * of their own. Only who clears its environment is not found.
 */
import { readdirSync, readFileSync } from 'node:fs';

export const fenceMark = 'CXLPOD_FENCE';

/** Each look kills all that it finds; more are needed only while they start others faster than they are looked for. */
const killLooks = 100;

/** Those in the fence `name` that still map anything. Another user's are not seen. */
export function markedProcesses(name: string): number[] {
  const mark = `\0${fenceMark}=${name}\0`;
  return readdirSync('/proc')
    .filter((each) => /^\d+$/.test(each) && `\0${environmentOf(each)}`.includes(mark))
    .map(Number);
}

/** SIGKILLs them, `except` for one. Returns whom; whether they are gone shows when they are looked for again. */
export function killMarked(name: string, except?: number): readonly number[] {
  const killed = new Set<number>();
  // Looked for again: one may have started another before it died.
  for (let look = 0; look < killLooks; look++) {
    const found = markedProcesses(name).filter((pid) => pid !== except && !killed.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended since the look.
      }
    }
  }
  return [...killed];
}

/** When the first thread of a process has ended, only the others still know its environment. Empty for one that is gone. */
function environmentOf(pid: string): string {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'latin1');
    if (text !== '') return text;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const ofThread = readFileSync(`/proc/${pid}/task/${thread}/environ`, 'latin1');
      if (ofThread !== '') return ofThread;
    }
  } catch {
    // It is gone, or another user's.
  }
  return '';
}
