/** What the runs of a command measured, on the page of all of them: the tables and plots of each scenario. */
import { existsSync } from 'node:fs';
import { chartSection } from '../report/chart-section.ts';
import { comparisonSection } from '../report/comparison-section.ts';
import { warningOf } from '../report/facts.ts';
import { Html, html } from '../report/html.ts';
import { keyFigures } from '../report/key-figures.ts';
import { latencyTableSection } from '../report/latency-table-section.ts';
import { readRunRecord } from '../report/report-input.ts';
import { RunFolder } from '../runs/run-folder.ts';
import type { RunRecord } from '../runs/run-record.ts';
import type { CampaignEntry } from './campaign-record.ts';

/** A page of more is slow to open, and nobody compares so many. */
const scenariosShown = 30;

/** The first run of each scenario; of those without faults, since figures of a pod that is being broken are no figures of its calls. */
export function measurementSections(folder: RunFolder, entries: readonly CampaignEntry[]): readonly Html[] {
  const first = new Map<string, CampaignEntry>();
  for (const entry of entries) {
    if (entry.run !== null && entry.faults.length === 0 && !first.has(entry.scenario)) first.set(entry.scenario, entry);
  }
  return [...first.values()].slice(0, scenariosShown).flatMap(({ run }) => {
    const measured = RunFolder.open(folder.path, folder.join(run!));
    if (!existsSync(measured.join('run.json'))) return [];
    return sectionOf(readRunRecord(measured), run!) ?? [];
  });
}

/** Null for a run that compared and swept nothing. */
function sectionOf(record: RunRecord, run: string): Html | null {
  const parts = [latencyTableSection(record), chartSection(record), comparisonSection(record)].filter((part) => part !== null);
  if (parts.length === 0) return null;
  const { name } = record.scenario;
  const link = `${run.split('/').map(encodeURIComponent).join('/')}/report.html`;
  return html`<div class="measured" id="${`measured-${name}`}"><h2><a href="${link}">${name}</a></h2>
<p class="warning">${warningOf(record)}</p>
<div class="figures">${keyFigures(record).map((figure) => html`<div class="card"><h4>${figure.name}</h4><strong>${figure.value}</strong><p>${figure.detail}</p></div>`)}</div>
${parts.map((part) => withIdsOf(name, part))}</div>`;
}

/** Each id once on the page. A value never holds a quotation mark: it is escaped. */
function withIdsOf(name: string, section: Html): Html {
  return new Html(section.text.replaceAll(' id="', ` id="${name}-`));
}
