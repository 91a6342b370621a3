/** Who died, how soon it was recovered, and whom that held up. */
import type { RunRecord } from '../runs/run-record.ts';
import { deathHead, deathNote, deathRows } from './death-rows.ts';
import { type Html, html } from './html.ts';

export function deathsSection(record: RunRecord): Html | null {
  const rows = deathRows(record);
  if (rows.length === 0) return null;
  return html`<section id="deaths">
  <h2>The dead and how long the survivors stood still</h2>
  <table class="plain"><thead><tr>${deathHead.map((name) => html`<th>${name}</th>`)}</tr></thead>
  <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table>
  <p class="note">${deathNote}</p>
  </section>`;
}
