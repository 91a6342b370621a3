/**
 * Prints docs/shared-memory.md and docs/crash-points.md from the declarations of the core.
 *
 *     node agent/core/transform/document.mjs     writes both
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readDeclarations } from './declarations.mjs';

const coreFolder = fileURLToPath(new URL('..', import.meta.url));
const docsFolder = fileURLToPath(new URL('../../../docs/', import.meta.url));

const chapters = [
  { file: 'superblock.ts', title: 'Superblock and region table' },
  { file: 'client.ts', title: 'Client table' },
  { file: 'directory.ts', title: 'Service directory' },
  { file: 'connection.ts', title: 'Connections and rings' },
  { file: 'statistics.ts', title: 'Statistics' },
  { file: 'gate.ts', title: 'Coherence gate' },
  { file: 'clock.ts', title: 'Clock exchange and bounced word' },
  { file: 'baselines.ts', title: 'Baselines: the heap with a lock, naive counting' },
  { file: 'history.ts', title: 'History (its own file or device, not in the pool)' },
];

export function documents() {
  const declarations = readDeclarations(coreFolder);
  return { 'shared-memory.md': sharedMemory(declarations), 'crash-points.md': crashPoints(declarations) };
}

function sharedMemory({ classes, constants, words, layoutVersion }) {
  const value = (name) => Number(constants.find((constant) => constant.name === name).value);
  const regions = [
    ['superblock', value('SUPERBLOCK_OFFSET'), 64, 'superblock.ts'],
    ['region table', value('REGION_TABLE_OFFSET'), value('REGION_LIMIT') * 32, 'superblock.ts'],
    ['client table', value('CLIENT_TABLE_OFFSET'), value('CLIENT_COUNT') * value('CLIENT_BYTES'), 'client.ts'],
    ['service directory', value('DIRECTORY_OFFSET'), value('DIRECTORY_COUNT') * value('DIRECTORY_ENTRY_BYTES'), 'directory.ts'],
    ['clock exchange', value('CLOCK_OFFSET'), value('CLOCK_BYTES'), 'clock.ts'],
    ['bounced word', value('WORD_OFFSET'), value('WORD_BYTES'), 'clock.ts'],
    ['coherence gate', value('GATE_OFFSET'), value('GATE_BYTES'), 'gate.ts'],
    ['connections', value('CONNECTIONS_OFFSET'), value('CONNECTION_COUNT') * value('CONNECTION_BYTES'), 'connection.ts'],
    ['baselines', value('BASELINE_OFFSET'), value('BASELINE_BYTES'), 'baselines.ts'],
    ['statistics', value('STATISTICS_OFFSET'), value('CONNECTION_COUNT') * value('STATISTICS_CONNECTION_BYTES'), 'statistics.ts'],
  ];
  const lines = [
    '# The bytes that machines share',
    '',
    'Printed from the declarations in `agent/core/layout` by `node agent/core/transform/document.mjs`; a test says when it is stale.',
    'All numbers are little-endian and naturally aligned. A line has 64 bytes and one writing machine at a time, CAS words aside.',
    '',
    `Layout version \`${layoutVersion}\`.`,
    '',
    '## The pool',
    '',
    '| offset | bytes | what | declared in |',
    '|---:|---:|---|---|',
    ...regions.map(([name, offset, bytes, file]) => `| ${offset} | ${bytes} | ${name} | \`${file}\` |`),
    `| ${value('CONTROL_BYTES')} | the rest | free | |`,
  ];
  for (const { file, title } of chapters) {
    lines.push('', `## ${title}`);
    for (const word of words.filter((each) => each.file === file)) {
      lines.push('', `**${word.name}** ${sentence(word.doc)}`, '', '```', word.picture, '```');
    }
    for (const layoutClass of classes.filter((each) => each.file === file)) lines.push('', ...pictureOf(layoutClass));
    const numbers = constants.filter((each) => each.file === file);
    if (numbers.length === 0) continue;
    lines.push('', '| constant | value | |', '|---|---:|---|');
    for (const { name, value: number, doc } of numbers) {
      lines.push(`| \`${name}\` | ${number > 0xffffffffn ? `0x${number.toString(16)}` : number} | ${sentence(doc)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** One box a field; reserved fields that follow each other are one. */
function pictureOf({ name, doc, sizeBytes, fields }) {
  const rows = [];
  for (const field of fields) {
    const last = rows.at(-1);
    if (field.name.startsWith('reserved') && last?.name === 'reserved') last.sizeBytes += field.sizeBytes;
    else rows.push({ ...field, name: field.name.startsWith('reserved') ? 'reserved' : field.name });
  }
  const width = Math.max(...rows.map((row) => row.name.length + row.type.length)) + 4;
  const rule = `     +${'-'.repeat(width)}+`;
  const picture = [rule];
  for (const row of rows) {
    const label = row.name === 'reserved' ? `${row.name}` : `${row.name}: ${row.type}`;
    picture.push(`${String(row.offset).padStart(4)} | ${label.padEnd(width - 1)}|`, rule);
  }
  picture.push(`${String(sizeBytes).padStart(4)}`);
  const notes = rows.filter((row) => row.doc !== '').map((row) => `- \`${row.name}\`: ${sentence(row.doc)}`);
  return [`**${name}** ${sentence(doc)}`, '', '```', ...picture, '```', ...(notes.length === 0 ? [] : ['', ...notes])];
}

function sentence(text) {
  return text.replace(/\s+/g, ' ').trim();
}

function crashPoints({ crashPoints: points }) {
  return [
    '# Crash points',
    '',
    'Every named gap between two steps of a lock-free operation. A worker that is armed with one dies there by SIGKILL, at the given',
    'passage, after writing its last words into the history. Printed from `agent/core/crash-points/catalogue.ts` by',
    '`node agent/core/transform/document.mjs`; a test says when it is stale.',
    '',
    '| name | number | when a client passes it |',
    '|---|---:|---|',
    ...points.map(({ name, number, doc }) => `| \`${name}\` | ${number} | ${sentence(doc)} |`),
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(documents())) writeFileSync(`${docsFolder}${name}`, text);
}
