/**
 * A template of a fault: as in a scenario file, where any value may be `{ oneOf: [a, b] }` or, a number, `{ from: 1, to: 9 }`.
 */
import type { Random } from './random.ts';

export function drawTemplate(template: unknown, random: Random): unknown {
  if (Array.isArray(template)) return template.map((each) => drawTemplate(each, random));
  if (typeof template !== 'object' || template === null) return template;
  if ('oneOf' in template && Array.isArray(template.oneOf)) return drawTemplate(random.oneOf(template.oneOf), random);
  const { from, to } = template as { readonly from?: unknown; readonly to?: unknown };
  if (Number.isInteger(from) && Number.isInteger(to)) return random.between(from as number, to as number);
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, drawTemplate(value, random)]));
}

/** Every alternative of every value at least once, so that a template can be checked before anything is drawn. */
export function variantsOf(template: unknown): unknown[] {
  const [choice, path] = firstChoice(template, []) ?? [null, []];
  if (choice === null) return [template];
  return choice.flatMap((each) => variantsOf(replaceAt(template, path, each)).slice(0, variantLimit)).slice(0, variantLimit);
}

const variantLimit = 1000;

type Path = readonly (string | number)[];

function firstChoice(template: unknown, path: Path): [readonly unknown[], Path] | null {
  if (typeof template !== 'object' || template === null) return null;
  if (!Array.isArray(template) && 'oneOf' in template && Array.isArray(template.oneOf)) return [template.oneOf, path];
  const { from, to } = template as { readonly from?: unknown; readonly to?: unknown };
  if (Number.isInteger(from) && Number.isInteger(to)) return [[from, to], path];
  for (const [key, value] of Object.entries(template)) {
    const found = firstChoice(value, [...path, Array.isArray(template) ? Number(key) : key]);
    if (found !== null) return found;
  }
  return null;
}

function replaceAt(template: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(template)) return template.map((each, index) => (index === key ? replaceAt(each, rest, value) : each));
  const parent = template as Readonly<Record<string, unknown>>;
  return { ...parent, [key]: replaceAt(parent[key], rest, value) };
}
