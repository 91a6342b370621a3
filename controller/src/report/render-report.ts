/** `report.html`: one file, no script, nothing fetched; opens from a mail attachment as well as from the run folder. */
import type { RunRecord } from '../runs/run-record.ts';
import { aboutSection } from './about-section.ts';
import { chartSection } from './chart-section.ts';
import { checksSection } from './checks-section.ts';
import { comparisonSection } from './comparison-section.ts';
import { distributionSection } from './distribution-section.ts';
import { factsOf, warningOf } from './facts.ts';
import { type Html, html, raw } from './html.ts';
import { keyFigures } from './key-figures.ts';
import { latencyTableSection } from './latency-table-section.ts';
import { recoveriesSection } from './recoveries-section.ts';
import type { ReportInput } from './report-input.ts';
import { style } from './style.ts';
import { timeLineSection } from './time-line/time-line-section.ts';

/** The browser itself refuses whatever would be fetched or run, should text ever escape from its place. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export function renderReport({ record, timeline, distributions, files }: ReportInput): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${`${record.verdict}: ${record.scenario.name} · cxlpod`}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<header><div class="in"><span class="brand"><i></i>cxlpod</span>${siblings(record)}<time>${record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time></div></header>
<main>
${firstScreen(record)}
${record.faults.length > 0 && ofCrash(record, timeline)}
${latencyTableSection(record)}
${chartSection(record)}
${comparisonSection(record)}
${distributionSection(distributions)}
${record.faults.length > 0 ? null : [timeLineSection(record, timeline), checksSection(record)]}
${aboutSection(record, files)}
<footer>Made by cxlpod ${record.environment.versions.controller ?? ''} from the files of this folder; <code>cxlpod report</code> makes it again.</footer>
</main>
</body>
</html>
`;
  return page.text;
}

/** What is not valid is looked into first. */
function ofCrash(record: RunRecord, timeline: ReportInput['timeline']): (Html | null)[] {
  const happened = [timeLineSection(record, timeline), recoveriesSection(record)];
  return record.verdict === 'valid' ? [...happened, checksSection(record)] : [checksSection(record), ...happened];
}

function firstScreen(record: RunRecord): Html {
  return html`<div class="hero">
  <div class="verdict ${record.verdict}" id="verdict">${record.verdict}</div>
  <div><h1>${record.scenario.name}</h1><p>${headline(record)}</p></div>
</div>
${record.error !== null && failure(record)}
<p class="warning" id="warning">${warningOf(record)}</p>
<div class="figures" id="figures">${keyFigures(record).map(
    ({ name, value, detail }) => html`<div class="card"><h4>${name}</h4><strong>${value}</strong><p>${detail}</p></div>`,
  )}</div>
<div class="facts" id="facts">${factsOf(record).map(
    ({ name, value, detail }) => html`<div class="card"><h4>${name}</h4><strong>${value}</strong><p>${detail}</p></div>`,
  )}</div>`;
}

/** Every check that does not hold, or what was done and that all of them do. */
export function headline({ checks, sentences }: RunRecord): string {
  const doubtful = checks.filter(({ verdict }) => verdict !== 'valid');
  const done = [
    ...sentences.faults.map((fault) => `${fault}.`),
    ...(sentences.faults.length === 0 ? [sentences.workload] : []),
  ].join(' ');
  if (doubtful.length === 0) return `${done} All ${checks.length} checks hold.`;
  return `${doubtful.length} of ${checks.length} checks do not hold. ${doubtful[0]!.sentence}`;
}

function failure({ error }: RunRecord): Html | null {
  if (error === null) return null;
  const because = error.because === null ? '' : `\n  because: ${error.because}`;
  const hint = error.hint === null ? '' : `\n  try: ${error.hint}`;
  return html`<div class="failure" id="failure"><pre>${`error: ${error.message}${because}${hint}`}</pre></div>`;
}

function siblings(record: RunRecord): Html {
  const runs =
    record.siblings.length > 0 ? record.siblings : [{ run: record.run, scenario: record.scenario.name, verdict: record.verdict }];
  return html`<nav>${runs.map(({ run, scenario, verdict }) => {
    const light = html`<span class="${verdict ?? 'unknown'}"></span>`;
    return run === record.run
      ? html`<b>${light}${scenario}</b>`
      : html`<a href="${`../${encodeURIComponent(run)}/report.html`}">${light}${scenario}</a>`;
  })}</nav>`;
}
