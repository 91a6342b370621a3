/**
 * Reads a YAML text against a zod schema. Whatever is wrong is told with its line, all problems at once, and an unknown key with
 * the known one that it resembles.
 */
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type CxlpodError, usageError } from '../errors/cxlpod-error.ts';
import { nearest } from '../errors/nearest.ts';
import { knownKeysAt } from './known-keys.ts';
import { plainData } from './plain-data.ts';

export interface YamlSource {
  readonly text: string;
  /** As the operator named it; used in messages only. */
  readonly fileName: string;
  /** What the file is supposed to be: `topology`, `scenario`. */
  readonly kind: string;
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** Throws a usage error `CONFIG_INVALID` that lists every problem. */
export function parseYaml<Schema extends z.ZodType>(schema: Schema, source: YamlSource): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, uniqueKeys: true });
  const { data, problems: ofText } = plainData(document, source.text, lines);
  if (ofText.length > 0) throw invalid(source, ofText);
  const result = schema.safeParse(data, { error: wholeNumber });
  if (result.success) return result.data;
  throw invalid(source, describeAll(result.error.issues, [], { schema, document, lines }));
}

function invalid(source: YamlSource, problems: readonly string[]): CxlpodError {
  return usageError('CONFIG_INVALID', `${source.fileName} is not a valid ${source.kind}`, {
    cause: new Error(problems.join('\n           ')),
    ...(source.kind === 'topology' ? { hint: 'cxlpod config print, which shows every key with its value' } : {}),
  });
}

interface Where {
  readonly schema: z.ZodType;
  readonly document: Document;
  readonly lines: LineCounter;
}

const wholeNumber: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' && issue.expected === 'int' ? 'must be a whole number' : undefined;

function describeAll(issues: readonly Issue[], prefix: Path, where: Where): string[] {
  // A whole number beyond 2^53 is mostly beyond a limit of its own as well, and that one is told.
  const isTold = (issue: Issue): boolean =>
    !('note' in issue) || !issues.some((other) => other !== issue && dotted(other.path) === dotted(issue.path));
  return issues.filter(isTold).flatMap((issue) => describe(issue, prefix, where));
}

function describe(issue: Issue, prefix: Path, where: Where): string[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = knownKeysAt(where.schema, path);
      const suggestion = nearest(key, known);
      const hint = suggestion !== null ? `did you mean ${suggestion}?` : `known are ${known.join(', ')}`;
      return `${lineOf([...path, key], where)}${dotted([...path, key])} is not a known key (${hint})`;
    });
  }
  if (issue.code === 'invalid_union') {
    const branch = closestBranch(issue.errors);
    if (branch !== null) return describeAll(branch, path, where);
  }
  return [`${lineOf(path, where)}${dotted(path)}${path.length > 0 ? ': ' : ''}${uncapitalised(issue.message)}`];
}

/** Of the alternatives of a union, the one the writer seems to have meant: fewest problems, then the deepest. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const depth = (branch: readonly Issue[]): number => Math.max(0, ...branch.map((issue) => issue.path.length));
  const candidates = branches.filter((branch) => branch.length > 0);
  candidates.sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  return candidates[0] ?? null;
}

/** `line 4: ` of the key that the path ends with, or of the nearest ancestor that the file has. */
function lineOf(path: Path, { document, lines }: Where): string {
  for (let length = path.length; length > 0; length--) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== null) return `line ${lines.linePos(offset).line}: `;
  }
  return '';
}

function offsetOf(document: Document, path: Path): number | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === String(last));
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? null;
    return null;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}

function dotted(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`)).join('');
}

function uncapitalised(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
