/** What happened, on one clock: machines and workers, faults, what the clients felt. A fault, its effect and its price stand above each other. */
import type { FaultOutcome } from '../../runs/evidence.ts';
import type { RunRecord } from '../../runs/run-record.ts';
import type { AlignedTimeline } from '../../traces/align-timeline.ts';
import { type Html, html } from '../html.ts';
import { showNs } from '../units.ts';
import { drawFlags, flagsHeight, type NumberedFault, placeFlags } from './fault-flags.ts';
import { drawLanes, placeLanes } from './lanes.ts';
import { panelsOf } from './panels.ts';
import { type Across, across, aroundFaults, left, px, right, showTime, type Window, width } from './window.ts';

export function timeLineSection(record: RunRecord, timeline: AlignedTimeline): Html | null {
  if (timeline.lanes.length === 0) return null;
  const closeUp = aroundFaults(timeline);
  const faults = numbered(record.faults, timeline);
  return html`<section id="timeline">
  <h2>Time line</h2>
  <p class="lead">All stamps on the clock of ${record.topology.machines[0]}; ${clockErrors(record)}.
  <a href="trace.json">trace.json</a> opens in <code>ui.perfetto.dev</code> with every span. Point at anything for its figures.</p>
  ${faultTable(record.faults, faults, timeline)}
  ${closeUp !== null && html`<h3>Around the ${faults.length > 1 ? 'faults' : 'fault'}</h3>${drawing(timeline, faults, closeUp, 'closeup')}<h3>The whole run</h3>`}
  ${drawing(timeline, faults, { fromNs: 0, toNs: Math.max(1, timeline.endNs) }, 'whole')}
  ${legend(timeline)}
  </section>`;
}

interface Numbered extends NumberedFault {
  /** Index into the faults of the run; null for a mark that none of them owns. */
  readonly outcome: number | null;
}

/** In the order in which they struck. */
function numbered(outcomes: readonly FaultOutcome[], { marks }: AlignedTimeline): readonly Numbered[] {
  const taken = new Set<number>();
  return marks
    .filter(({ kind }) => kind === 'fault')
    .map(({ name, atNs }, index) => {
      const free = (each: number): boolean => !taken.has(each) && outcomes[each]!.seen !== null;
      const same = outcomes.findIndex(({ seen }, each) => free(each) && seen?.sentence === name);
      const found = same === -1 ? outcomes.findIndex((_, each) => free(each)) : same;
      if (found !== -1) taken.add(found);
      return { number: index + 1, sentence: name, atNs, outcome: found === -1 ? null : found };
    });
}

function faultTable(outcomes: readonly FaultOutcome[], faults: readonly Numbered[], timeline: AlignedTimeline): Html | null {
  if (outcomes.length === 0) return null;
  const struck = faults.flatMap((fault) => (fault.outcome === null ? [] : [{ fault, outcome: outcomes[fault.outcome]! }]));
  const missed = outcomes.filter((_, index) => !faults.some(({ outcome }) => outcome === index));
  return html`<table class="faults" id="faults"><thead><tr><th></th><th>fault</th><th class="n">struck</th><th>what was seen</th><th class="n">healed after</th></tr></thead>
  <tbody>${struck.map(
    ({
      fault,
      outcome,
    }) => html`<tr><td><span class="flag">${fault.number}</span></td><td>${outcome.sentence}</td><td class="n">${showNs(fault.atNs)}</td>
    <td>${fault.sentence}</td><td class="n">${healedAfter(fault, outcome, timeline)}</td></tr>`,
  )}${missed.map(
    (
      outcome,
    ) => html`<tr class="missed"><td><span class="flag">–</span></td><td>${outcome.sentence}</td><td class="n">${outcome.seen === null ? 'never' : '?'}</td>
    <td>${outcome.seen?.sentence ?? outcome.error ?? 'not seen to fire: the workload was over before'}</td><td class="n">–</td></tr>`,
  )}</tbody></table>`;
}

/** Struck and healed may be stamped on two clocks: the time line has both on one. */
function healedAfter({ atNs }: NumberedFault, { healedAt }: FaultOutcome, { spans }: AlignedTimeline): string {
  if (healedAt === null) return '–';
  const harm = spans.find(({ kind, startNs }) => kind === 'harm' && Math.abs(startNs - atNs) < 1_000);
  return harm === undefined ? 'healed' : showNs(harm.endNs - harm.startNs);
}

const gap = 8;
const axisHeight = 24;

function drawing(timeline: AlignedTimeline, faults: readonly NumberedFault[], window: Window, id: string): Html {
  const x = across(window);
  const flags = placeFlags(faults, x);
  const top = flagsHeight(flags) + gap;
  const lanes = placeLanes(timeline, top);
  const panels = panelsOf(timeline);
  const bottom = panels.reduce((sum, panel) => sum + panel.height, top + lanes.height);
  const height = bottom + axisHeight;
  let panelTop = top + lanes.height;
  const drawnPanels = panels.map((panel) => {
    const drawn = panel.draw(panelTop, x);
    panelTop += panel.height;
    return drawn;
  });
  const stalls = stallBands(timeline, window, x);
  return html`<figure><svg class="wide timeline" id="${`timeline-${id}`}" viewBox="0 0 ${width} ${height}" role="img" aria-label="time line">
  ${x.ticks.map(
    (tick) => html`<line class="grid" x1="${px(x.at(tick))}" x2="${px(x.at(tick))}" y1="${top - 4}" y2="${bottom}"/>
    <text class="tick" x="${px(x.at(tick))}" y="${height - 6}" text-anchor="middle">${showTime(tick, x.ticks)}</text>`,
  )}
  ${stalls.map(({ from, to }) => html`<rect class="stallband" x="${px(from)}" width="${px(Math.max(1, to - from))}" y="${top - 4}" height="${bottom - top + 4}"/>`)}
  ${drawLanes(timeline, lanes, x)}
  ${panels.length > 0 && html`<line class="rule" x1="8" x2="${right}" y1="${top + lanes.height - 2}" y2="${top + lanes.height - 2}"/><text class="machine" x="8" y="${top + lanes.height + 14}">clients</text>`}
  ${drawnPanels}
  <line class="rule" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
  ${drawFlags(flags, bottom)}
  </svg></figure>`;
}

/** Those that meet, as one. */
function stallBands({ spans }: AlignedTimeline, { fromNs, toNs }: Window, x: Across): { readonly from: number; to: number }[] {
  const bands: { readonly from: number; to: number }[] = [];
  const stalls = spans.filter(({ kind, startNs, endNs }) => kind === 'stall' && endNs >= fromNs && startNs <= toNs);
  for (const { startNs, endNs } of stalls.sort((a, b) => a.startNs - b.startNs)) {
    const last = bands.at(-1);
    if (last !== undefined && x.at(startNs) - last.to < 1) last.to = Math.max(last.to, x.at(endNs));
    else bands.push({ from: x.at(startNs), to: x.at(endNs) });
  }
  return bands;
}

function clockErrors({ clocks, topology }: RunRecord): string {
  const told = clocks
    .filter(({ clock, by }) => clock !== topology.machines[0] && by !== 'reference')
    .map(({ clock, by, errorNs, driftPpm }) => {
      if (by === 'nothing') return `${clock} could not be placed`;
      const drift = driftPpm === null ? '' : `, drift ${driftPpm.toFixed(0)} ppm`;
      return `${clock} is placed by ${by === 'pool' ? 'exchanges over the pool' : 'causality'} to ± ${showNs(errorNs)}${drift}`;
    });
  return told.length === 0 ? 'no other clock is drawn' : told.join('; ');
}

function legend(timeline: AlignedTimeline): Html {
  const all = [...timeline.spans, ...timeline.marks];
  const entry = (kind: string, text: string, looks: string = kind, name?: string): Html | false =>
    all.some((each) => each.kind === kind && (name === undefined || each.name === name)) &&
    html`<span class="${`key ${looks}`}"><i></i>${text}</span>`;
  const harms = [...new Set(timeline.spans.filter(({ kind }) => kind === 'harm').map(({ name }) => name))];
  const others = harms.filter((name) => name !== 'dead' && name !== 'frozen');
  return html`<p class="legend">${entry('fault', 'a fault, by its number')}${entry('process', 'a worker process lives')}${entry('harm', 'dead', 'harm dead', 'dead')}${entry('harm', 'frozen', 'harm frozen', 'frozen')}${others.length > 0 && html`<span class="key harm other"><i></i>${others.join(', ')}</span>`}${entry('recovery', 'suspected, being recovered')}${entry('stall', 'a failed call, and the time without answers')}${entry('event', 'something else that was seen')}${entry('calls', 'calls, as the caller’s clock sees them')}${entry('task', 'a task, as the controller sees it')}${entry('step', 'one system of a round')}${entry('phase', 'a phase of the run')}</p>`;
}
