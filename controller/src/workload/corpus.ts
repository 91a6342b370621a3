/** The text that words are counted in: what is written about cxlpod itself, and its licence. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../config/project-root.ts';
import { environmentError } from '../errors/cxlpod-error.ts';

export function readCorpus(root = projectRoot()): string {
  const docs = join(root, 'docs');
  const files = ['README.md', 'ARCHITECTURE.md', 'LICENSE'].map((name) => join(root, name));
  if (existsSync(docs))
    files.push(
      ...readdirSync(docs)
        .filter((name) => name.endsWith('.md'))
        .sort()
        .map((name) => join(docs, name)),
    );
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  if (texts.length > 0) return texts.join('\n');
  throw environmentError('NO_CORPUS', 'there is no text to count words in', {
    cause: new Error(`none of README.md, ARCHITECTURE.md, LICENSE and docs/*.md is in ${root}`),
    hint: 'run cxlpod from a complete checkout',
  });
}
