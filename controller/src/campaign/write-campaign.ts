/** `campaign.json`, `index.html` and `junit.xml` of a campaign. */
import { escapeHtml, type Html, html, raw } from '../report/html.ts';
import { style } from '../report/style.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import type { Verdict } from '../runs/verdict.ts';
import type { CampaignEntry, CampaignRecord, MatrixCell } from './campaign-record.ts';
import { measurementSections } from './measurements-section.ts';

/** The path of the page. */
export function writeCampaign(folder: RunFolder, record: CampaignRecord): string {
  folder.writeJson('campaign.json', record);
  folder.write('junit.xml', renderJunit(record));
  folder.write('index.html', renderIndex(record, measurementSections(folder, record.entries)));
  return folder.join('index.html');
}

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/** Those that were not as expected are all listed. */
const goodRunsListed = 200;

export function renderIndex(record: CampaignRecord, measured: readonly Html[] = []): string {
  const { name, outcome, counts, entries } = record;
  const doubtful = entries.filter((entry) => entry.outcome !== 'valid');
  const good = entries.filter((entry) => entry.outcome === 'valid');
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${`${outcome}: ${name} · cxlpod`}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<header><div class="in"><span class="brand"><i></i>cxlpod</span><time>${record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time></div></header>
<main>
<div class="hero"><div class="verdict ${outcome}" id="verdict">${outcome}</div>
<div><h1>${name}</h1><p>${`${entries.length} runs: ${counts.valid} as expected, ${counts.unknown} unknown, ${counts.invalid} not as expected.`}</p></div></div>
<div class="figures" id="figures">
<div class="card"><h4>runs a minute</h4><strong>${record.runsPerMinute.toFixed(1)}</strong><p>${`in ${Math.round(record.tookMs / 1000)} s, pods included`}</p></div>
<div class="card"><h4>start to verdict</h4><strong>${`${(record.medianRunMs / 1000).toFixed(2)} s`}</strong><p>median of all runs, on a pod that is up</p></div>
<div class="card"><h4>faults seen to fire</h4><strong>${record.matrix.reduce((sum, { fired }) => sum + fired, 0)}</strong><p>a run whose fault never fired is unknown</p></div>
</div>
${matrixSection(record.matrix)}
${doubtful.length > 0 && runsSection('doubtful', 'Not as expected', doubtful)}
${good.length > 0 && runsSection('good', good.length > goodRunsListed ? `As expected, the first ${goodRunsListed}` : 'As expected', good.slice(0, goodRunsListed))}
${measured}
</main>
</body>
</html>
`;
  return page.text;
}

function matrixSection(matrix: readonly MatrixCell[]): Html {
  const scenarios = [...new Set(matrix.map(({ scenario }) => scenario))].sort();
  const faults = [...new Set(matrix.map(({ fault }) => fault))].sort();
  const cell = (scenario: string, fault: string): Html => {
    const found = matrix.find((each) => each.scenario === scenario && each.fault === fault);
    if (found === undefined) return html`<td></td>`;
    const badges = (['invalid', 'unknown', 'valid'] as const).filter((verdict) => found.outcomes[verdict] > 0);
    return html`<td>${badges.map((verdict) => html`<span class="badge ${verdict}">&nbsp;${found.outcomes[verdict]} ${verdict}&nbsp;</span> `)}<span class="dim">${fault === 'none' ? '' : `${found.fired} fired`}</span></td>`;
  };
  return html`<section id="matrix"><h2>Scenarios and faults</h2>
<table><thead><tr><th>scenario</th>${faults.map((fault) => html`<th>${fault}</th>`)}</tr></thead>
<tbody>${scenarios.map((scenario) => html`<tr><th>${scenario}</th>${faults.map((fault) => cell(scenario, fault))}</tr>`)}</tbody></table></section>`;
}

function runsSection(id: string, title: string, entries: readonly CampaignEntry[]): Html {
  return html`<section id="${id}"><h2>${title}</h2><table>
<thead><tr><th>outcome</th><th>run</th><th>seed</th><th>took</th><th>faults</th><th></th></tr></thead>
<tbody>${entries.map((entry) => {
    const link =
      entry.run === null
        ? html`${entry.scenario}`
        : html`<a href="${`${entry.run.split('/').map(encodeURIComponent).join('/')}/report.html`}">${entry.scenario}</a>`;
    const told = entry.expected === 'invalid' ? `found ${entry.verdict}, a negative control` : (entry.because ?? '');
    return html`<tr><td><span class="badge ${entry.outcome}">&nbsp;${entry.outcome}&nbsp;</span></td><td>${link}</td><td class="n">${entry.seed}</td><td class="n">${`${(entry.tookMs / 1000).toFixed(2)} s`}</td><td>${entry.faults.map(({ sentence, fired }) => html`${sentence}${fired ? '' : ' (not fired)'}<br>`)}</td><td>${told}</td></tr>`;
  })}</tbody></table></section>`;
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
