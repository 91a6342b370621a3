/** The checks with what decided them. */
import type { RunRecord } from '../runs/run-record.ts';
import { counterExamples } from './counter-example.ts';
import { type Html, html } from './html.ts';

/** Evidence beyond this is in run.json. */
const evidenceLimit = 4000;

export function checksSection(record: RunRecord): Html {
  return html`<section id="checks">
  <h2>Checks</h2>
  <ul class="checks">${worstFirst(record.checks).map(
    ({ name, claim, verdict, sentence, evidence }) => html`<li class="${verdict}" data-check="${name}">
    <span class="badge ${verdict}">${verdict}</span>
    <div><b>${name}</b> <span class="dim">${claim}</span><p>${sentence}</p>${counterExamples(evidence)}
    ${Object.keys(evidence).length > 0 && html`<details><summary>evidence</summary><pre>${show(evidence)}</pre></details>`}</div></li>`,
  )}</ul>
  ${record.missing.length > 0 && html`<p class="note">Could not be collected: ${record.missing.join('; ')}</p>`}
  </section>`;
}

function worstFirst(checks: RunRecord['checks']): RunRecord['checks'] {
  const order = ['invalid', 'unknown', 'valid'];
  return [...checks].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
}

function show(evidence: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(evidence, null, 2);
  return text.length > evidenceLimit ? `${text.slice(0, evidenceLimit)}\n… the rest is in run.json` : text;
}
