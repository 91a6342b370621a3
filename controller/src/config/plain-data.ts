/** What a YAML text says, as plain data; or what is wrong with it as YAML, each with its line. */
import { type Alias, type Document, type LineCounter, visit } from 'yaml';

/** What one text may say by aliases of aliases; beyond, the library gives up. */
const aliasLimit = 100;

export function plainData(
  document: Document.Parsed,
  text: string,
  lines: LineCounter,
): { readonly data?: unknown; readonly problems: readonly string[] } {
  const lineOf = (offset: number): string => `line ${lines.linePos(offset).line}: `;
  if (text.includes('\0')) return { problems: ['it is not a text: there is a zero byte in it'] };
  if (document.errors.length > 0) {
    return { problems: document.errors.map(({ code, message, pos }) => `${lineOf(pos[0])}${tell(code, message)}`) };
  }
  if (document.contents === null) return { problems: ['it is empty: no key stands in it'] };
  const { problems, last } = aliases(document, lineOf);
  if (problems.length > 0) return { problems };
  try {
    return { data: document.toJS({ maxAliasCount: aliasLimit }), problems };
  } catch (error) {
    if (last === null || !(error instanceof ReferenceError)) throw error;
    return { problems: [`${lineOf(last.range![0])}*${last.source} stands for too much: aliases of aliases, over and over`] };
  }
}

interface Aliases {
  readonly problems: readonly string[];
  readonly last: Alias | null;
}

/** Those that name nothing, and those that stand in what they name, which has no end. */
function aliases(document: Document.Parsed, lineOf: (offset: number) => string): Aliases {
  const problems: string[] = [];
  let last: Alias | null = null;
  visit(document, {
    Alias: (_, alias, path) => {
      last = alias;
      const { source } = alias;
      const named = alias.resolve(document);
      if (named === undefined)
        problems.push(`${lineOf(alias.range![0])}*${source} names nothing: no &${source} stands before it`);
      else if (path.includes(named)) problems.push(`${lineOf(alias.range![0])}*${source} stands in what it names`);
    },
  });
  return { problems, last };
}

function tell(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; a file has one';
  return message.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '');
}
