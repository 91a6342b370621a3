/** What must not be in the repository: unfinished work, places of one machine, download addresses, empty names. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const ours = tracked.filter(
  (file) => !file.endsWith('package-lock.json') && !file.startsWith('infra/tidy/') && !file.endsWith('.png'),
);

function linesWith(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
}

test('no source line is marked as unfinished or silences a checker', () => {
  const sources = ours.filter((file) => /\.(ts|mjs|c|h)$/.test(file));
  expect(linesWith(/\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck|\.only\(/, sources)).toEqual([]);
});

test('no folder or file is called utils, helpers or manager', () => {
  expect(ours.filter((file) => /(^|[/-])(utils?|helpers?|managers?)([/.-]|$)/.test(file))).toEqual([]);
});

test('package-lock.json records no download address', () => {
  expect(linesWith(/"resolved": "http/, ['package-lock.json'])).toEqual([]);
});

test('the top level is what the owner asked for, and what every repository has', () => {
  const top = new Set(tracked.map((file) => file.split('/')[0]!).filter((name) => !name.startsWith('.')));
  expect([...top].sort()).toEqual(
    [
      'ARCHITECTURE.md',
      'LICENSE',
      'Makefile',
      'README.md',
      'agent',
      'biome.json',
      'controller',
      'docker-compose.yml',
      'docs',
      'images',
      'infra',
      'package-lock.json',
      'package.json',
    ].sort(),
  );
});

test('every relative link in the documents leads somewhere', () => {
  const broken = ours
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map((match) => match[1]!)
        .filter((link) => !existsSync(join(root, dirname(file), link)))
        .map((link) => `${file} -> ${link}`),
    );
  expect(broken).toEqual([]);
});

test('every verb of the Makefile that the issue asks for is there and explained', () => {
  const help = execFileSync('make', ['--no-print-directory', 'help'], { cwd: root, encoding: 'utf8' });
  const verbs =
    'help cluster-up status run traces report shell cluster-down test test-local test-cluster images doctor bench clean demo';
  for (const verb of verbs.split(' ')) expect(help).toMatch(new RegExp(`^  make ${verb} `, 'm'));
});
