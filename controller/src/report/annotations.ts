/** For CI on GitHub: a mark beside the change for each check that does not hold, and the summary on the page of the job. */
import { appendFileSync, existsSync, statSync } from 'node:fs';
import { isAsExpected } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import type { Verdict } from '../runs/verdict.ts';
import { showControls } from './html.ts';

export const annotationStyles = ['github', 'none'] as const;
export type AnnotationStyle = (typeof annotationStyles)[number];

/** GitHub shows no summary of a step that is longer. */
const summaryLimitBytes = 1024 * 1024;

export interface Annotation {
  readonly level: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
}

interface Ci {
  readonly environment: NodeJS.ProcessEnv;
  /** To standard error: its runner reads both streams, and standard output is for data. */
  write(text: string): void;
}

const thisProcess: Ci = { environment: process.env, write: (text) => void process.stderr.write(text) };

/** Of a run that came out as its scenario expects: none. */
export function annotationsOf(record: RunRecord): readonly Annotation[] {
  const name = record.scenario.name;
  const outcome = isAsExpected(record);
  if (outcome === 'valid') return [];
  const failed = record.checks.filter(({ verdict }) => verdict !== 'valid');
  const ofChecks = failed.map((check) => ({
    level: levelOf(check.verdict),
    title: `${name}: ${check.name}`,
    message: check.sentence,
  }));
  if (record.error !== null) {
    const { message, because, hint } = record.error;
    const lines = [message, because === null ? null : `because: ${because}`, hint === null ? null : `try: ${hint}`];
    const text = lines.filter((line) => line !== null).join('\n');
    return [{ level: 'error', title: `${name}: the run failed`, message: text }, ...ofChecks];
  }
  if (record.scenario.expect === 'invalid' && record.verdict === 'valid') {
    const message = 'It is a negative control and was to be found invalid, but every check holds.';
    return [{ level: 'error', title: `${name}: not found invalid`, message }];
  }
  return ofChecks;
}

/** Throws the system's error when the summary's file cannot be written. */
export function annotate(
  asked: AnnotationStyle | undefined,
  { annotations, summary }: { readonly annotations: readonly Annotation[]; readonly summary: string },
  ci: Ci = thisProcess,
): void {
  const style = asked ?? (ci.environment.GITHUB_ACTIONS === 'true' ? 'github' : 'none');
  if (style === 'none') return;
  for (const annotation of annotations) ci.write(`${printAnnotation(annotation)}\n`);
  appendSummary(summary, ci.environment.GITHUB_STEP_SUMMARY);
}

/** A workflow command: one line whatever the text holds. */
export function printAnnotation({ level, title, message }: Annotation): string {
  return `::${level} title=${escapeProperty(showControls(title))}::${escapeData(showControls(message))}`;
}

function appendSummary(summary: string, path: string | undefined): void {
  if (path === undefined || path === '') return;
  const bytes = Buffer.byteLength(summary) + 1;
  const before = existsSync(path) ? statSync(path).size : 0;
  if (before + bytes <= summaryLimitBytes) appendFileSync(path, `${summary}\n`);
}

function levelOf(verdict: Verdict): Annotation['level'] {
  return verdict === 'invalid' ? 'error' : 'warning';
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
