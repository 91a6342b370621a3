/** The dependency rules of ARCHITECTURE.md, read from the import lines of the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({ file, specifier: match[1]! }));
}

function allImports(folder: string): Import[] {
  return sourceFiles(folder).flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));
}

/** Imports that break the rule "the only arrow between the workspaces is controller -> agent's declared exports". */
function wrongArrows(imports: readonly Import[], declared: ReadonlySet<string>): string[] {
  return imports
    .filter(({ file, specifier }) => {
      const fromAgent = file.startsWith(`agent${sep}`);
      if (specifier.startsWith('@cxlpod/')) return fromAgent || !declared.has(specifier);
      if (!specifier.startsWith('.')) return false;
      const target = join(dirname(file), specifier);
      return fromAgent ? target.startsWith('controller') : target.startsWith(`agent${sep}`);
    })
    .map(({ file, specifier }) => `${file} imports ${specifier}`);
}

function declaredExports(): Set<string> {
  const manifest = JSON.parse(readFileSync(join(root, 'agent/package.json'), 'utf8')) as { exports: Record<string, string> };
  return new Set(Object.keys(manifest.exports).map((path) => `@cxlpod/agent${path.slice(1)}`));
}

test('the controller reaches the agent only through its declared exports, and the agent never reaches the controller', () => {
  expect(wrongArrows([...allImports('agent/src'), ...allImports('controller/src')], declaredExports())).toEqual([]);
});

test('the rule above sees a forbidden arrow of each kind', () => {
  const planted = [
    { file: 'agent/src/a.ts', specifier: '../../controller/src/b.ts' },
    { file: 'controller/src/cli/a.ts', specifier: '../../../agent/src/pool/pool.ts' },
    { file: 'controller/src/cli/a.ts', specifier: '@cxlpod/agent/pool' },
  ];
  expect(wrongArrows(planted, declaredExports())).toHaveLength(planted.length);
});

test.each([
  ['dockerode', 'controller/src/engine'],
  ['ssh2', 'controller/src/ssh'],
  ['execa', 'controller/src/programs'],
  ['commander', 'controller/src/cli'],
  ['listr2', 'controller/src/steps'],
])('%s is imported by %s alone', (library, folder) => {
  const importers = allImports('controller/src').filter(({ specifier }) => specifier === library);
  expect(importers.length).toBeGreaterThan(0);
  // A type alone ties nobody to the library at run time; commander's `Command` is handed to the verbs of each part.
  const strangers = importers.filter(({ file }) => !file.startsWith(folder) && !isTypeOnly(file, library));
  expect(strangers).toEqual([]);
});

function isTypeOnly(file: string, library: string): boolean {
  const text = readFileSync(join(root, file), 'utf8');
  return (
    new RegExp(`import type [^;]*from '${library}'`).test(text) && !new RegExp(`import (?!type)[^;]*from '${library}'`).test(text)
  );
}

test('the agent has no run-time dependency', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'agent/package.json'), 'utf8')) as { dependencies?: object };
  expect(manifest.dependencies ?? {}).toEqual({});
  const packages = allImports('agent/src').filter(
    ({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'),
  );
  expect(packages).toEqual([]);
  // A baseline, bundled apart: nothing of it may come into the agent but its type.
  const baseline = allImports('agent/src').filter(({ specifier }) => specifier.includes('/grpc/'));
  expect(baseline.filter(({ file }) => !/import type [^;]*\/grpc\//.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
