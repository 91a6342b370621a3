/**
 * Compiler transform of the traced build: every call of a function of the door gets its site, a number per place in the source,
 * as last argument; `sites` lists what the numbers mean.
 */
import assemblyscript from 'assemblyscript';

const { Node, NodeKind } = assemblyscript;

const door = new Set([
  'load32', 'load64', 'store32', 'store64', 'publish32', 'publish64', 'swap64', 'add64', 'or64', 'plainIncrement64', 'writeBack',
  'storeFence', 'storeThrough', 'invalidate', 'prefetch', 'fullFence',
  'keep32', 'keep64', 'recall32', 'recall64',
]);

export class SiteTransform {
  /** @type {{ file: string, line: number }[]} index = site; site 0 is none */
  sites = [{ file: '', line: 0 }];

  afterParse(parser) {
    for (const source of parser.sources) {
      const path = source.normalizedPath;
      if (path.startsWith('~lib/') || path.includes('memory/')) continue;
      this.#walk(source, source, new Set());
    }
  }

  #walk(node, source, seen) {
    if (node === null || typeof node !== 'object' || seen.has(node)) return;
    seen.add(node);
    if (Array.isArray(node)) {
      for (const item of node) this.#walk(item, source, seen);
      return;
    }
    if (node.kind === undefined && node !== source) return;
    if (node.kind === NodeKind.Call && node.expression.kind === NodeKind.Identifier && door.has(node.expression.text)) {
      const line = source.lineAt(node.range.start);
      this.sites.push({ file: source.normalizedPath, line });
      node.args.push(Node.createIntegerLiteralExpression(i64(this.sites.length - 1), node.range));
    }
    for (const [key, value] of Object.entries(node)) {
      if (key !== 'range' && key !== 'source' && key !== 'parent') this.#walk(value, source, seen);
    }
  }
}

function i64(value) {
  return globalThis.i64_new(value, 0);
}
