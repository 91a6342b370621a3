/**
 * Measures RPC in a pool of its own; one line of JSON on stdout.
 *
 *     node rpc-bench.mjs waiting [ms] [strategies ...]     docs/waiting.md
 *     node rpc-bench.mjs references [rounds]               arguments by reference against a byte stream
 */
import { fileURLToPath } from 'node:url';
import { isReferenceThread, measureReferences, serveReferences } from './references.ts';
import { measureWaiting, takePart } from './waiting.ts';

async function measure([what = '', ...rest]: readonly string[]): Promise<unknown> {
  const file = fileURLToPath(import.meta.url);
  if (what === 'waiting') return measureWaiting(file, Number(rest[0] ?? 1_000), rest.slice(1));
  if (what === 'references') return await measureReferences(new URL(import.meta.url), Number(rest[0] ?? 101));
  throw new Error(`there is no measurement "${what}": waiting, references`);
}

const [what, ...rest] = process.argv.slice(2);
if (isReferenceThread) serveReferences();
else if (what === 'waiting-part') takePart(rest[0]!);
else process.stdout.write(`${JSON.stringify(await measure(process.argv.slice(2)))}\n`);
