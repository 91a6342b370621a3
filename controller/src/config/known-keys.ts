import type { z } from 'zod';

/** The keys that a schema allows at `path`, over all alternatives of unions: what a mistyped key is compared with. */
export function knownKeysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let level = unwrap(schema);
  for (const part of path) level = level.flatMap((each) => child(each, part)).flatMap(unwrap);
  return [...new Set(level.flatMap((each) => Object.keys(definitionOf(each).shape ?? {})))];
}

/** The parts of zod's definitions that are walked here; each kind of schema has some of them. */
interface Definition {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly items?: readonly z.ZodType[];
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly type?: string;
}

function definitionOf(schema: z.ZodType): Definition {
  return schema.def as Definition;
}

/** Looks through optional, default, pipe and union. */
function unwrap(schema: z.ZodType): z.ZodType[] {
  const { innerType, in: input, out, options } = definitionOf(schema);
  if (innerType !== undefined) return unwrap(innerType);
  // What is made of anything has the keys that it becomes.
  if (input !== undefined) return unwrap(definitionOf(input).type === 'unknown' && out !== undefined ? out : input);
  if (options !== undefined) return options.flatMap(unwrap);
  return [schema];
}

function child(schema: z.ZodType, part: PropertyKey): z.ZodType[] {
  const { shape, element, valueType, items } = definitionOf(schema);
  const found = shape?.[String(part)] ?? items?.[Number(part)] ?? element ?? valueType;
  return found === undefined ? [] : [found];
}
