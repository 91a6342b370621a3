/** `index.html` of a campaign: what it came to, a matrix of scenarios and faults that leads to every run, and what was not as expected. */
import { type Html, html, raw } from '../report/html.ts';
import { style } from '../report/style.ts';
import type { Verdict } from '../runs/verdict.ts';
import { type CampaignEntry, type CampaignRecord, sayNotReached } from './campaign-record.ts';
import { matrixStyle } from './matrix-style.ts';

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/** Those that were not as expected are all listed. */
const goodRunsListed = 200;
/** Beside each other in one cell; the others are counted. */
const marksInCell = 8;
/** From worst to best. */
const order: readonly Verdict[] = ['invalid', 'unknown', 'valid'];
/** So that nobody needs to tell the colours apart. */
const marks: Readonly<Record<Verdict, string>> = { invalid: '✗', unknown: '?', valid: '✓' };
const meanings: Readonly<Record<Verdict, string>> = { invalid: 'not as expected', unknown: 'unknown', valid: 'as expected' };

/** `measured`: what the runs measured, if anything. */
export function renderIndex(record: CampaignRecord, measured: readonly Html[] = []): string {
  const { name, outcome, counts, entries, medianRunMs, notReached } = record;
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
<style>${raw(style + matrixStyle)}</style>
</head>
<body>
<header><div class="in"><span class="brand"><i></i>cxlpod</span><time>${record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time></div></header>
<main>
<div class="hero"><div class="verdict ${outcome}" id="verdict">${outcome}</div>
<div><h1>${name}</h1><p>${`${entries.length} runs: ${counts.valid} as expected, ${counts.unknown} unknown, ${counts.invalid} not as expected.${notReached.length > 0 ? ` ${sayNotReached(record)}.` : ''}`}</p></div></div>
<div class="figures" id="figures">
<div class="card"><h4>runs a minute</h4><strong>${record.runsPerMinute.toFixed(1)}</strong><p>${`in ${Math.round(record.tookMs / 1000)} s, pods included`}</p></div>
<div class="card"><h4>start to verdict</h4><strong>${medianRunMs === null ? 'none' : `${(medianRunMs / 1000).toFixed(2)} s`}</strong><p>median of all runs, on a pod that is up</p></div>
<div class="card"><h4>faults seen to fire</h4><strong>${record.matrix.reduce((sum, { fired }) => sum + fired, 0)}</strong><p>a run whose fault never fired is unknown</p></div>
</div>
${doubtful.length > 0 && runsSection('doubtful', 'Not as expected', doubtful)}
${matrixSection(entries)}
${notReached.length > 0 && html`<section id="not-reached"><h2>Not reached</h2><p class="lead">${`${sayNotReached(record)}.`}</p><p>${notReached.join(', ')}</p></section>`}
${good.length > 0 && runsSection('good', good.length > goodRunsListed ? `As expected, the first ${goodRunsListed}` : 'As expected', good.slice(0, goodRunsListed))}
${measured}
</main>
</body>
</html>
`;
  return page.text;
}

function matrixSection(entries: readonly CampaignEntry[]): Html {
  const scenarios = [...new Set(entries.map(({ scenario }) => scenario))].sort();
  const faults = [...new Set(entries.flatMap(kindsOf))].sort();
  return html`<section id="matrix"><h2>Scenarios and faults</h2>
<p class="lead">A mark is a run and leads to its report: ${order.map((verdict) => html`<span class="mark ${verdict}">${marks[verdict]}</span> ${meanings[verdict]}${verdict === 'valid' ? '.' : ', '}`)}
In a cell are the runs of a scenario in which that kind of fault was planned.</p>
<div class="scroll"><table class="matrix"><thead><tr><th></th>${faults.map((fault) => html`<th class="fault"><span>${fault}</span></th>`)}</tr></thead>
<tbody>${scenarios.map((scenario) => {
    const own = entries.filter((entry) => entry.scenario === scenario);
    return html`<tr><th>${scenario}</th>${faults.map((fault) =>
      cell(
        own.filter((entry) => kindsOf(entry).includes(fault)),
        fault,
      ),
    )}</tr>`;
  })}</tbody></table></div></section>`;
}

/** `none` for a run without faults. */
function kindsOf({ faults }: CampaignEntry): readonly string[] {
  return faults.length === 0 ? ['none'] : [...new Set(faults.map(({ kind }) => kind))];
}

function cell(runs: readonly CampaignEntry[], fault: string): Html {
  if (runs.length === 0) return html`<td></td>`;
  const worstFirst = [...runs].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome));
  const rest = worstFirst.slice(marksInCell);
  const fired = runs.reduce((sum, { faults }) => sum + faults.filter((each) => each.kind === fault && each.fired).length, 0);
  return html`<td data-scenario="${runs[0]!.scenario}" data-fault="${fault}"><span class="marks">${worstFirst.slice(0, marksInCell).map(mark)}</span>
${rest.length > 0 && html`<small>${`and ${rest.length} more`}</small>`}${fault !== 'none' && html`<small>${`${fired} fired`}</small>`}</td>`;
}

function mark(entry: CampaignEntry): Html {
  const { outcome, seed, run, because } = entry;
  const title = `seed ${seed}: ${meanings[outcome]}${because === null ? '' : `. ${because}`}`;
  if (run === null) return html`<span class="mark ${outcome}" title="${title}">${marks[outcome]}</span>`;
  return html`<a class="mark ${outcome}" href="${linkOf(run)}" title="${title}">${marks[outcome]}</a>`;
}

function linkOf(run: string): string {
  return `${run.split('/').map(encodeURIComponent).join('/')}/report.html`;
}

function runsSection(id: string, title: string, entries: readonly CampaignEntry[]): Html {
  return html`<section id="${id}"><h2>${title}</h2><div class="scroll"><table class="runs">
<thead><tr><th>outcome</th><th>run</th><th class="n">seed</th><th class="n">took</th><th>faults</th><th></th></tr></thead>
<tbody>${entries.map((entry) => {
    const { run, scenario, outcome, verdict, seed, tookMs, faults, expected, because } = entry;
    const told = expected === 'invalid' && outcome === 'valid' ? `found ${verdict}, a negative control` : (because ?? '');
    return html`<tr><td><span class="badge ${outcome}">&nbsp;${outcome}&nbsp;</span></td><td>${run === null ? scenario : html`<a href="${linkOf(run)}">${scenario}</a>`}</td><td class="n">${seed}</td><td class="n">${`${(tookMs / 1000).toFixed(2)} s`}</td><td>${faults.map(({ sentence, fired }) => html`${sentence}${fired ? '' : ' (not fired)'}<br>`)}</td><td class="told">${told}</td></tr>`;
  })}</tbody></table></div></section>`;
}
