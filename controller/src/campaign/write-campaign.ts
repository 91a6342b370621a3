/** `campaign.json`, `index.html`, `summary.md` and `junit.xml` of a campaign. */
import { escapeHtml, showControls } from '../report/html.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import type { Verdict } from '../runs/verdict.ts';
import { type CampaignEntry, type CampaignRecord, sayNotReached } from './campaign-record.ts';
import { renderIndex } from './index-page.ts';
import { measurementSections } from './measurements-section.ts';

/** The path of the page. */
export function writeCampaign(folder: RunFolder, record: CampaignRecord): string {
  folder.writeJson('campaign.json', record);
  folder.write('junit.xml', renderJunit(record));
  folder.write('summary.md', renderCampaignSummary(record));
  folder.write('index.html', renderIndex(record, measurementSections(folder, record.entries)));
  return folder.join('index.html');
}

/** One test case a run. */
export function renderJunit({ name, entries, counts, tookMs }: CampaignRecord): string {
  const tags: Readonly<Record<Verdict, string | null>> = { valid: null, invalid: 'failure', unknown: 'error' };
  const cases = entries.map((entry) => {
    const tag = tags[entry.outcome];
    const inside =
      tag === null ? '' : `<${tag} message="${escapeHtml(entry.because ?? '')}">${escapeHtml(entry.run ?? '')}</${tag}>`;
    return `    <testcase classname="${escapeHtml(entry.scenario)}" name="seed ${entry.seed}" time="${(entry.tookMs / 1000).toFixed(3)}">${inside}</testcase>`;
  });
  const figures = `tests="${entries.length}" failures="${counts.invalid}" errors="${counts.unknown}" time="${(tookMs / 1000).toFixed(3)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="cxlpod" ${figures}>
  <testsuite name="${escapeHtml(name)}" ${figures}>
${cases.join('\n')}
  </testsuite>
</testsuites>
`;
}

/** For a terminal or the page of a job: the counts, and each run that was not as expected. */
export function renderCampaignSummary(record: CampaignRecord): string {
  const { name, outcome, counts, entries, tookMs } = record;
  const notReached = sayNotReached(record);
  const doubtful = entries.filter((entry) => entry.outcome !== 'valid');
  const row = ({ scenario, seed, outcome: its, because }: CampaignEntry): string =>
    `| ${[scenario, String(seed), its, because ?? ''].map(cell).join(' | ')} |`;
  const parts = [
    `# ${outcome.toUpperCase()}: ${name}`,
    `${entries.length} runs in ${Math.round(tookMs / 1000)} s: ${counts.valid} as expected, ${counts.unknown} unknown, ${counts.invalid} not as expected.`,
    ...(notReached === null ? [] : [`${notReached}.`]),
    ...(doubtful.length === 0
      ? []
      : [['| scenario | seed | outcome | because |', '|---|---|---|---|', ...doubtful.map(row)].join('\n')]),
  ];
  return `${showControls(parts.join('\n\n'))}\n`;
}

function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
