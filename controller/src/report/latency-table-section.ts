/** The latency table: what was measured here; set apart from it what was published, and what is modelled. */
import type { RunRecord } from '../runs/run-record.ts';
import type { LatencyRow } from '../workload/latency-table.ts';
import type { ModelledLatency } from '../workload/modelled.ts';
import type { PublishedLatency } from '../workload/published.ts';
import { latencyTableOf } from '../workload/result-of.ts';
import { colourOf } from './colours.ts';
import { providerSentence, warningOf } from './facts.ts';
import { type Html, html } from './html.ts';
import { showCount, showNs } from './units.ts';

export function latencyTableSection(record: RunRecord): Html | null {
  const result = latencyTableOf(record.workload);
  if (result === null) return null;
  const { rows, published, publishedAlone } = result.table;
  const { workload } = record.scenario;
  const size = 'payloadBytes' in workload ? `${workload.payloadBytes} bytes` : 'its size';
  return html`<section id="latency-table">
  <h2>Latency of a call of ${size}</h2>
  <p class="lead">${providerSentence(record)} ${warningOf(record)} A sample is the mean of the batch that the table names, so p99.9 is of batches.
  The last three columns are <b>published</b>: table 1 of the HydraRPC paper, on two servers with a CXL 1.1 device and a 200 GbE network. They are
  there to compare shapes, and no figure of ours is made from them.</p>
  <table class="quantiles latencies">
  <thead>
    <tr><th></th><th class="n" colspan="6">measured here</th><th class="n published" colspan="3">published</th></tr>
    <tr><th>system</th><th class="n">avg</th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th><th class="n">p99.9</th><th class="n">samples</th>
    <th class="n published">avg</th><th class="n published">p95</th><th class="n published">p99</th></tr>
  </thead>
  <tbody>${rows.map((row, index) => measuredRow(row, index, published[row.tag]))}
  ${publishedAlone.map(
    (each) =>
      html`<tr class="alone"><td>${each.system}</td>${Array.from({ length: 6 }, () => html`<td class="n dim">–</td>`)}${publishedCells(each)}</tr>`,
  )}</tbody></table>
  ${modelledPart(result.modelled)}
  </section>`;
}

function measuredRow(row: LatencyRow, index: number, published: PublishedLatency | undefined): Html {
  const { tag, label, samples, callsPerSample } = row;
  return html`<tr data-row="${tag}"><td><span class="dot" style="background:${colourOf(tag, index)}"></span>${label}</td>
    ${[row.avgNs, row.p50Ns, row.p95Ns, row.p99Ns, row.p999Ns].map((ns) => html`<td class="n">${showNs(ns)}</td>`)}
    <td class="n dim">${`${showCount(samples)} of ${showCount(callsPerSample)}`}</td>
    ${published === undefined ? Array.from({ length: 3 }, () => html`<td class="n dim published">–</td>`) : publishedCells(published)}</tr>`;
}

function publishedCells({ system, avgNs, p95Ns, p99Ns }: PublishedLatency): Html[] {
  return [avgNs, p95Ns, p99Ns].map(
    (ns) => html`<td class="n dim published" title="${`published: ${system}`}">${ns === null ? '–' : showNs(ns)}</td>`,
  );
}

function modelledPart({ accesses, serialAccesses, accessNs, lowNs, highNs, published }: ModelledLatency): Html {
  return html`<h3>Modelled, not measured: the same call on a CXL device</h3>
  <p class="note" id="modelled"><b>${showNs(lowNs)} to ${showNs(highNs)}</b> for the device’s part: ${accesses} accesses that a call has to wait for (counted by the simulator,
  docs/rpc-cost.md), ${showNs(accessNs.low)} to ${showNs(accessNs.high)} each; the lower end lets entry and payload of a message be fetched together, which leaves
  ${serialAccesses} in a row, the upper end lets nothing overlap. Software comes on top. By the same count the paper’s model is ${published.accesses} accesses of
  ${showNs(published.accessNs)} and ${showNs(published.softwareNs)} of software: ${showNs(published.totalNs)} (<b>published</b>).</p>`;
}
