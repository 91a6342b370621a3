/** The ratio table: every system beside the floor, with the spread over rounds, and the floor against itself. */
import type { RunRecord } from '../runs/run-record.ts';
import type { Comparison, ComparisonEntry } from '../workload/compare.ts';
import { comparisonOf } from '../workload/result-of.ts';
import { colourOf } from './colours.ts';
import { type Html, html } from './html.ts';
import { logScale, type Scale } from './scale.ts';
import { showNs, showRatio } from './units.ts';

const barWidth = 320;
const barHeight = 26;

export function comparisonSection(record: RunRecord): Html | null {
  const comparison = comparisonOf(record.workload);
  if (comparison === null) return null;
  const { workload } = record.scenario;
  const exchanged = 'payloadBytes' in workload ? ` of ${workload.payloadBytes} bytes` : '';
  const ratios = comparison.entries.flatMap(({ ratio }) => [ratio.low, ratio.high]);
  const scale = logScale(Math.min(0.8, ...ratios), Math.max(2, ...ratios) * 1.1, [6, barWidth - 6]);
  const [again, others] = [comparison.entries.filter((entry) => entry.again), comparison.entries.filter((entry) => !entry.again)];
  return html`<section id="comparison">
  <h2>Compared with the ${comparison.baseline.tag === 'floor' ? 'floor' : comparison.baseline.label}</h2>
  <p class="lead">p50 of an exchange${exchanged} over the p50 of ${comparison.baseline.label}, taken inside each of ${comparison.rounds} rounds;
  the order of systems rotates from round to round. The dot is the median of the rounds, the line their lowest and highest.</p>
  <table class="ratios">
    <thead><tr><th>system</th><th class="n">p50</th><th class="n">p99</th><th class="n">ratio</th><th class="n">spread</th>
    <th class="plot">${axis(scale)}</th></tr></thead>
    <tbody>${others.map((entry, index) => row(entry, index, scale, comparison))}</tbody>
    <tbody class="again">${again.map((entry, index) => row(entry, index, scale, comparison))}</tbody>
  </table>
  ${
    again.length > 0 &&
    html`<p class="note">The last line is the noise of this comparison: the same program measured twice in every round.
  A ratio that differs from 1 by less than that line does is no difference.</p>`
  }
  </section>`;
}

function row(entry: ComparisonEntry, index: number, scale: Scale, comparison: Comparison): Html {
  const { ratio, tag } = entry;
  const colour = colourOf(tag, index);
  const isBaseline = tag === comparison.baseline.tag;
  const middle = barHeight / 2;
  const perRound = entry.perRoundP50Ns.map((ns) => showNs(ns)).join(', ');
  return html`<tr data-system="${tag}">
    <td><span class="dot" style="background:${colour}"></span><b>${entry.label}</b><small>${entry.sentence}</small></td>
    <td class="n" title="${`p50 of each round: ${perRound}`}">${showNs(entry.p50Ns)}</td>
    <td class="n">${showNs(entry.p99Ns)}</td>
    <td class="n strong">${isBaseline ? '1' : showRatio(ratio.median)}</td>
    <td class="n dim">${isBaseline ? 'by definition' : `${showRatio(ratio.low)} – ${showRatio(ratio.high)}`}</td>
    <td class="plot"><svg viewBox="0 0 ${barWidth} ${barHeight}" width="${barWidth}" height="${barHeight}" role="img"
      aria-label="${`${entry.label}: ${showRatio(ratio.median)}`}">
      ${scale.ticks.map((tick) => html`<line class="${tick === 1 ? 'grid one' : 'grid'}" x1="${px(scale.at(tick))}" x2="${px(scale.at(tick))}" y1="0" y2="${barHeight}"/>`)}
      <line x1="${px(scale.at(1))}" x2="${px(scale.at(ratio.median))}" y1="${middle}" y2="${middle}" stroke="${colour}" stroke-width="8" opacity="0.25"/>
      <line x1="${px(scale.at(ratio.low))}" x2="${px(scale.at(ratio.high))}" y1="${middle}" y2="${middle}" stroke="${colour}" stroke-width="2"/>
      ${[ratio.low, ratio.high].map((end) => html`<line x1="${px(scale.at(end))}" x2="${px(scale.at(end))}" y1="${middle - 4}" y2="${middle + 4}" stroke="${colour}" stroke-width="2"/>`)}
      <circle cx="${px(scale.at(ratio.median))}" cy="${middle}" r="5" fill="${colour}"/>
    </svg></td>
  </tr>`;
}

function axis(scale: Scale): Html {
  const labelled = scale.ticks.length > 7 ? scale.ticks.filter((tick) => Number.isInteger(Math.log10(tick))) : scale.ticks;
  return html`<svg viewBox="0 0 ${barWidth} 14" width="${barWidth}" height="14" aria-hidden="true">
  ${labelled.map((tick) => html`<text class="tick" x="${px(scale.at(tick))}" y="11" text-anchor="middle">${`${tick}×`}</text>`)}</svg>`;
}

function px(value: number): string {
  return value.toFixed(1);
}
