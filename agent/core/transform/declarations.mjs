/**
 * Reads what the core declares, layout classes, constants and crash points, from their source files: the one place where
 * they are written. The grammar is as strict as the files are plain; a line that it does not know is an error.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

const sizes = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, f64: 8 };
/** Declared here, but no part of the bytes that machines share. */
const privateFiles = new Set(['scratch.ts', 'version.ts']);

/**
 * @typedef {{ name: string, type: string, offset: number, sizeBytes: number, doc: string }} Field
 * @typedef {{ name: string, doc: string, file: string, sizeBytes: number, fields: Field[] }} LayoutClass
 * @typedef {{ name: string, type: string, doc: string, file: string, value: bigint }} Constant
 * @typedef {{ name: string, doc: string, file: string, picture: string }} Word
 * @typedef {{ name: string, number: number, doc: string, constant: string }} CrashPoint
 */
export function readDeclarations(coreFolder) {
  const layoutFolder = join(coreFolder, 'layout');
  const classes = [];
  const constants = [];
  const words = [];
  for (const file of readdirSync(layoutFolder).sort()) {
    if (!file.endsWith('.ts') || file === 'version.ts') continue;
    readLayoutFile(file, readFileSync(join(layoutFolder, file), 'utf8'), { classes, constants, words });
  }
  const codes = { classes: [], constants: [], words: [] };
  readLayoutFile('codes.ts', readFileSync(join(coreFolder, 'codes', 'codes.ts'), 'utf8'), codes);
  const catalogue = { classes: [], constants: [], words: [] };
  readLayoutFile('catalogue.ts', readFileSync(join(coreFolder, 'crash-points', 'catalogue.ts'), 'utf8'), catalogue);
  return {
    classes,
    constants,
    words,
    codes: codes.constants,
    crashPoints: catalogue.constants.map(crashPoint),
    layoutVersion: layoutHash(classes, constants),
  };
}

function crashPoint(constant) {
  const match = /^([a-z]+(?:\/[a-z-]+)+): (.+)$/s.exec(constant.doc);
  if (match === null) throw new Error(`crash point ${constant.name} has no "name: sentence" comment`);
  return { name: match[1], number: Number(constant.value), doc: match[2], constant: constant.name };
}

function readLayoutFile(file, text, into) {
  let doc = '';
  let openClass = null;
  let openDoc = null;
  let skipDepth = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (skipDepth > 0) {
      skipDepth += count(line, '{') - count(line, '}');
      continue;
    }
    if (openDoc !== null) {
      if (line === '*/') {
        doc = openDoc.join('\n').trim();
        openDoc = null;
      } else openDoc.push(raw.replace(/^\s*\* ?/, ''));
      continue;
    }
    if (line === '' || line.startsWith('//') || line.startsWith('import ')) continue;
    const oneLineDoc = /^\/\*\* (.*) \*\/$/.exec(line);
    if (oneLineDoc !== null) doc = oneLineDoc[1];
    else if (line === '/**') openDoc = [];
    else if (line === '@unmanaged') continue;
    else if (/^export class \w+ \{$/.test(line)) {
      const name = /^export class (\w+)/.exec(line)[1];
      if (/@unmanaged\s*\n\s*export class/.test(text) && text.includes(`@unmanaged\nexport class ${name} `)) {
        openClass = { name, doc, file, sizeBytes: 0, fields: [] };
      } else {
        into.words.push({ name, doc: doc.split('\n\n')[0], file, picture: pictureOf(doc) });
        skipDepth = 1;
      }
      doc = '';
    } else if (line === '}' && openClass !== null) {
      finishClass(openClass);
      into.classes.push(openClass);
      openClass = null;
    } else if (openClass !== null) {
      const field = /^(\w+): (\w+);$/.exec(line);
      if (field === null || sizes[field[2]] === undefined) throw new Error(`${file}:${index + 1}: not a field: ${line}`);
      const sizeBytes = sizes[field[2]];
      const offset = Math.ceil(openClass.sizeBytes / sizeBytes) * sizeBytes;
      if (offset !== openClass.sizeBytes) throw new Error(`${file}:${index + 1}: hidden padding before ${field[1]}`);
      openClass.fields.push({ name: field[1], type: field[2], offset, sizeBytes, doc });
      openClass.sizeBytes = offset + sizeBytes;
      doc = '';
    } else {
      const constant = /^export const (\w+): (\w+) = (.+);$/.exec(line);
      if (constant === null) throw new Error(`${file}:${index + 1}: not a declaration: ${line}`);
      into.constants.push({ name: constant[1], type: constant[2], doc, file, value: valueOf(constant[3], into.constants) });
      doc = '';
    }
  }
}

/** Lines with one writer are whole lines; smaller classes, of 16 and 32 bytes, share one with others of the same writer or are objects. */
function finishClass(layoutClass) {
  const whole = layoutClass.sizeBytes % 64 === 0 || [16, 32].includes(layoutClass.sizeBytes) || privateFiles.has(layoutClass.file);
  if (!whole) throw new Error(`${layoutClass.name} has ${layoutClass.sizeBytes} bytes: spell the rest of its line as reserved`);
}

function valueOf(expression, constants) {
  const known = Object.fromEntries(constants.map((constant) => [constant.name, constant.value]));
  const term = (text) => {
    const trimmed = text.trim();
    if (/^(0x[0-9a-fA-F]+|\d+)$/.test(trimmed)) return BigInt(trimmed);
    if (known[trimmed] !== undefined) return known[trimmed];
    throw new Error(`not a constant: ${text}`);
  };
  return expression.split('*').map(term).reduce((product, factor) => product * factor, 1n);
}

function pictureOf(doc) {
  return doc
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4))
    .join('\n');
}

function count(text, character) {
  return text.split(character).length - 1;
}

/** Hash of every shared offset, size and constant: two programs with the same hash mean the same bytes. */
function layoutHash(classes, constants) {
  const hash = createHash('sha256');
  for (const layoutClass of classes) {
    if (privateFiles.has(layoutClass.file)) continue;
    for (const field of layoutClass.fields) hash.update(`${layoutClass.name}.${field.name}:${field.type}@${field.offset}\n`);
  }
  for (const constant of constants) {
    if (!privateFiles.has(constant.file)) hash.update(`${constant.name}=${constant.value}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}
