/** Reads the text format of Prometheus as strictly as its specification, and throws where it is broken: a reader apart from the writer. */

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

export function readExposition(text: string): ReadonlyMap<string, ReadFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new SyntaxError('the last line does not end');
  const families = new Map<string, ReadFamily>();
  let help: readonly [string, string] | null = null;
  let current: { readonly name: string; readonly family: ReadFamily } | null = null;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help = [name, rest];
    else if (kind === 'TYPE') {
      if (help?.[0] !== name) throw new SyntaxError(`${name} has no help before its type`);
      if (families.has(name)) throw new SyntaxError(`${name} is there twice`);
      if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new SyntaxError(`${name} is of type ${rest}`);
      current = { name, family: { type: rest, help: help[1], samples: [] } };
      families.set(name, current.family);
    } else {
      const [, sample, labels, value] = sampleLine.exec(line) ?? [];
      if (sample === undefined || value === undefined) throw new SyntaxError(`no sample: ${line}`);
      const isOwn = sample === current?.name || (current?.family.type === 'histogram' && isPart(sample, current.name));
      if (!isOwn) throw new SyntaxError(`${sample} stands below ${current?.name}`);
      current!.family.samples.push({ name: sample, labels: readLabels(labels ?? ''), value: readValue(value) });
    }
  }
  return families;
}

function isPart(sample: string, family: string): boolean {
  return ['_bucket', '_sum', '_count'].some((suffix) => sample === family + suffix);
}

function readValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (Number.isNaN(value)) throw new SyntaxError(`${text} is no value`);
  return value;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
  for (let rest = text; rest !== ''; ) {
    const found = label.exec(rest);
    if (found === null) throw new SyntaxError(`no labels: ${rest}`);
    const [all, name, value] = found as unknown as [string, string, string];
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(all.length);
  }
  return labels;
}
