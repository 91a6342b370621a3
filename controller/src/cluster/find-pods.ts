/** Which pods there are on this host, and whose: those of this state folder, and those of another, which are not this one's to remove. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFilesFolder } from '../config/fits-host.ts';
import { namePattern } from '../config/names.ts';
import { type CxlpodError, usageError } from '../errors/cxlpod-error.ts';
import { ownerOfSharedFiles } from '../provider/shared-files.ts';
import { quoteCommand } from '../ssh/quote.ts';
import { knownPods, podPaths, stateFolder } from './pod-paths.ts';
import { type EngineNeed, orNoneWithoutEngine } from './remove-pod.ts';

export interface FoundPods {
  /** Of this state folder; also those that do not say whose they are and have their folder here. */
  readonly own: readonly string[];
  readonly elsewhere: readonly PodElsewhere[];
}

export interface PodElsewhere {
  readonly pod: string;
  /** Null: nothing of it says so. */
  readonly stateFolder: string | null;
}

/** Every pod that left anything on this host: a folder, shared files, or something with its label. */
export async function findPods(): Promise<FoundPods> {
  const known = knownPods();
  const labelled = await labelledPods('optional');
  const others = [...new Set([...sharedFilesOfPods(), ...labelled.keys()])].sort();
  const elsewhere = others
    .map((pod) => ({ pod, stateFolder: ownerOf(pod, labelled) }))
    .filter(({ pod, stateFolder: owner }) => (owner === null ? !known.includes(pod) : owner !== stateFolder()));
  const away = elsewhere.map(({ pod }) => pod);
  return { own: [...new Set([...known, ...others])].filter((pod) => !away.includes(pod)).sort(), elsewhere };
}

/** Names are the whole host's. Throws `POD_ELSEWHERE` for one that another state folder's pod has. */
export async function requireNotElsewhere(pod: string, engine: EngineNeed): Promise<void> {
  const owner = ownerOf(pod, engine === 'no' ? new Map() : await labelledPods(engine));
  if (owner === null || owner === stateFolder()) return;
  throw podElsewhere({ pod, stateFolder: owner });
}

/** In a line: whose it is, and how it is removed. */
export function describeElsewhere({ pod, stateFolder: owner }: PodElsewhere): string {
  return owner === null
    ? `${pod} is not of this state folder, and does not say of which: cxlpod down --name ${pod} removes what carries its name`
    : `${pod} is of the state folder ${owner}: ${howToRemove(pod, owner)}`;
}

function podElsewhere({ pod, stateFolder: owner }: { readonly pod: string; readonly stateFolder: string }): CxlpodError {
  return usageError('POD_ELSEWHERE', `pod ${pod} is not of this state folder`, {
    cause: new Error(`it is of ${owner}, and this is ${stateFolder()}`),
    hint: `another name; or to remove it: ${howToRemove(pod, owner)}`,
  });
}

function howToRemove(pod: string, owner: string): string {
  return `XDG_STATE_HOME=${quoteCommand([owner])} cxlpod down --name ${pod}`;
}

function ownerOf(pod: string, labelled: ReadonlyMap<string, string | null>): string | null {
  return ownerOfSharedFiles(podPaths(pod)) ?? labelled.get(pod) ?? null;
}

async function labelledPods(engine: 'required' | 'optional'): Promise<ReadonlyMap<string, string | null>> {
  const { labelledPods: ask } = await import('../provider/qemu/qemu-provider.ts');
  return orNoneWithoutEngine(engine, ask, new Map());
}

/** Other users of this host have theirs beside. */
function sharedFilesOfPods(): string[] {
  if (!existsSync(sharedFilesFolder)) return [];
  return readdirSync(sharedFilesFolder)
    .filter((name) => namePattern.test(name))
    .filter((name) => statSync(join(sharedFilesFolder, name), { throwIfNoEntry: false })?.uid === process.getuid?.());
}
