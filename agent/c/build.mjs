/**
 * Prints agent/dist/cxlpod.h: the declarations of the core as C macros, in the place that agent/c/cxlpod.h has for them.
 *
 *     node agent/c/build.mjs
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readDeclarations } from '../core/transform/declarations.mjs';

const coreFolder = fileURLToPath(new URL('../core/', import.meta.url));
const source = fileURLToPath(new URL('cxlpod.h', import.meta.url));
const recordSource = fileURLToPath(new URL('../src/history/record.ts', import.meta.url));
const distFolder = fileURLToPath(new URL('../dist/', import.meta.url));

const place = '/* @LAYOUT@ */';
/** What a program has to know of the pool; the rest of the layout is the pod's own. */
const files = new Set(['superblock.ts', 'regions.ts', 'client.ts', 'history.ts']);

export function header() {
  const { classes, constants, layoutVersion } = readDeclarations(coreFolder);
  const records = readFileSync(recordSource, 'utf8');
  const lines = [`#define CXLPOD_LAYOUT_VERSION 0x${layoutVersion}ull`];
  for (const { name, doc, file, value } of constants) {
    if (files.has(file)) lines.push(...comment(doc), `#define CXLPOD_${name} ${value}${value > 0x7fffffffn ? 'ull' : ''}`);
  }
  for (const { name, doc, file, fields } of classes) {
    if (!files.has(file)) continue;
    lines.push('', ...comment(`${doc} Offsets of its fields, in bytes.`));
    for (const field of fields) {
      if (!field.name.startsWith('reserved')) lines.push(`#define CXLPOD_${snake(name)}_${snake(field.name)}_AT ${field.offset}`);
    }
  }
  lines.push('', ...comment('Operations and outcomes that a history names.'));
  for (const [name, number] of numbersIn(records, 'operations')) lines.push(`#define CXLPOD_OPERATION_${snake(name)} ${number}`);
  for (const [name, number] of numbersIn(records, 'outcomes')) lines.push(`#define CXLPOD_OUTCOME_${snake(name)} ${number}`);
  const text = readFileSync(source, 'utf8');
  if (!text.includes(place)) throw new Error(`agent/c/cxlpod.h has no ${place}`);
  return text.replace(place, () => lines.join('\n'));
}

function comment(doc) {
  const text = doc.replace(/\s+/g, ' ').trim();
  return text === '' ? [] : [`/* ${text} */`];
}

/** The members of `export const <name> = { 'a-name': 1, ... } as const;`. */
function numbersIn(text, name) {
  const body = new RegExp(`export const ${name} = \\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined) throw new Error(`agent/src/history/record.ts has no ${name}`);
  return [...body.matchAll(/'?([a-z-]+)'?: (\d+)/g)].map(([, key, number]) => [key, Number(number)]);
}

/** `HistoryRecord`, `queue-push`: HISTORY_RECORD, QUEUE_PUSH. */
function snake(name) {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

export function build() {
  mkdirSync(distFolder, { recursive: true });
  const output = `${distFolder}cxlpod.h`;
  writeFileSync(`${output}.${process.pid}`, header());
  renameSync(`${output}.${process.pid}`, output);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
