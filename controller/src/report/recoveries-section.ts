/** Who died or was taken for dead, and what became of what they held: suspected, fenced, recovered, and how long that took. */
import type { RunRecord } from '../runs/run-record.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import { deathHead, deathNote, deathRows } from './death-rows.ts';
import { type Html, html } from './html.ts';
import { showCount, showNs } from './units.ts';

const rowLimit = 200;

export function recoveriesSection(record: RunRecord): Html | null {
  const { recoveries, exits, workload } = record;
  const ended = exits.filter(({ asked, withMachine }) => !asked && withMachine !== true);
  const rows = deathRows(record);
  // The others are told with what they cost the survivors.
  const others = recoveries.filter(({ state }) => rows.length === 0 || state !== 'recovered');
  if (recoveries.length === 0 && ended.length === 0 && rows.length === 0) return null;
  const stallNs = (workload?.result as { readonly longestStallNs?: number } | undefined)?.longestStallNs;
  return html`<section id="recoveries">
  <h2>The dead, and what became of them</h2>
  <p class="lead">Fenced: their end was seen, so they write no more. Recovered: what they held was given back, by an agent that lives.
  ${stallNs !== undefined && html`The caller's longest wait for an answer was <b>${showNs(stallNs)}</b>.`}</p>
  ${rows.length > 0 && survivorsTable(rows)}
  ${ended.length > 0 && workersTable(ended)}
  ${others.length > 0 && recoveriesTable(others)}
  </section>`;
}

function survivorsTable(rows: readonly (readonly string[])[]): Html {
  return html`<h3>Recovered, and whom that held up</h3><table class="survivors"><thead><tr>${deathHead.map((name) => html`<th>${name}</th>`)}</tr></thead>
  <tbody>${rows.slice(0, rowLimit).map((row) => html`<tr>${row.map((cell) => html`<td>${cell === '' ? '–' : cell}</td>`)}</tr>`)}</tbody></table>
  <p class="note">${deathNote}</p>${more(rows.length)}`;
}

function workersTable(deaths: RunRecord['exits']): Html {
  return html`<h3>Workers that ended without being asked</h3><table class="ended"><thead><tr><th>worker</th><th>machine</th><th>process</th><th>ended</th><th>fenced as</th></tr></thead>
  <tbody>${deaths.slice(0, rowLimit).map(
    ({ worker, machine, pid, signal, exitCode, fenced, untold }) => html`<tr><td>${worker}</td><td>${machine}</td><td>${pid}</td>
    <td>${untold === true ? 'untold: between two agents' : (signal ?? `exit code ${exitCode}`)}</td>
    <td>${fenced === null ? '–' : `client ${fenced.id}, incarnation ${fenced.incarnation}`}</td></tr>`,
  )}</tbody></table>${more(deaths.length)}`;
}

function recoveriesTable(recoveries: RunRecord['recoveries']): Html {
  return html`<h3>Clients that were suspected, or whose machine ended</h3><table class="recoveries"><thead><tr><th>client</th><th>machine</th><th>came to</th><th class="n">end seen</th><th class="n">fenced</th>
  <th class="n">recovered</th><th>by</th></tr></thead>
  <tbody>${recoveries.slice(0, rowLimit).map((each) => {
    const { id, incarnation, machine, state, suspectedAt, endSeenAt, fencedAt, recoveredAt, by, because } = each;
    const from = suspectedAt ?? endSeenAt ?? fencedAt;
    return html`<tr><td>${`${id}.${incarnation}`}</td><td>${machine}</td><td><span class="state ${state}">${state}</span>${because !== null && html` <span class="dim">${because}</span>`}</td>
    <td class="n">${after(from, endSeenAt)}</td><td class="n">${after(from, fencedAt)}</td><td class="n">${after(from, recoveredAt)}</td><td>${by ?? '–'}</td></tr>`;
  })}</tbody></table>
  <p class="note">Times count from the first suspicion; of a client that nobody suspected before, from the end of its machine.</p>${more(recoveries.length)}`;
}

function more(count: number): Html | false {
  return count > rowLimit && html`<p class="note">${`and ${showCount(count - rowLimit)} more: run.json`}</p>`;
}

function after(from: Stamp | null, to: Stamp | null): string {
  if (from === null || to === null || from.clock !== to.clock) return '–';
  return to.ns <= from.ns ? 'at once' : showNs(to.ns - from.ns);
}
