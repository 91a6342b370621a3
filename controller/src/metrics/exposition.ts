/** The text format in which Prometheus reads metrics, version 0.0.4. */

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** Behind the family's name: `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

/** Samples of one name. A counter's name ends in `_total`, a unit stands before that. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface HistogramValues {
  readonly labels: Labels;
  /** How many lay in each bucket alone, and its upper end; the last one is `Infinity`. */
  readonly buckets: readonly { readonly limit: number; readonly count: number }[];
  readonly sum: number;
}

/** Buckets count everything below their limit, as the format wants it. */
export function histogram(name: string, help: string, each: readonly HistogramValues[]): MetricFamily {
  const samples = each.flatMap(({ labels, buckets, sum }): Sample[] => {
    let below = 0;
    const ofBuckets = buckets.map(({ limit, count }) => {
      below += count;
      return { suffix: '_bucket', labels: { ...labels, le: showValue(limit) }, value: below };
    });
    return [...ofBuckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: below }];
  });
  return { name, type: 'histogram', help, samples };
}

/** Families without samples are left out. */
export function printMetrics(families: readonly MetricFamily[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const head = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
      return head + samples.map((sample) => printSample(name, sample)).join('');
    })
    .join('');
}

function printSample(name: string, { suffix = '', labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${showValue(value)}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function showValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
