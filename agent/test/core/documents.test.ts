import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documents } from '../../core/transform/document.mjs';

test.each(Object.entries(documents()))(
  'docs/%s is what the core declares (if not: node agent/core/transform/document.mjs)',
  (name, text) => {
    expect(readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')).toBe(text);
  },
);
