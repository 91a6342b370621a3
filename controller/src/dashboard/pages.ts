/** The pages of the dashboard, made on the server of what was seen: the browser only puts the newest in the place of the one before. */
import { type Html, html } from '../report/html.ts';
import { linearScale } from '../report/scale.ts';
import { showBytes, showByUnit, showCount, showNs } from '../report/units.ts';
import type { FaultOutcome } from '../runs/evidence.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { MachineSnapshot, PodSnapshot } from './watch-pod.ts';

/** Without scripts the page asks for itself again. */
const againAfterS = 2;
/** A run tells more often than that, unless it judges a long history. */
const silentMs = 3_000;

export function renderPage(snapshot: PodSnapshot): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${`${snapshot.pod} · cxlpod`}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<noscript><meta http-equiv="refresh" content="${againAfterS}"></noscript>
<script src="/dashboard.js" defer></script>
</head>
<body>
<header><div class="in"><span class="brand"><i></i>cxlpod</span><nav><b>${snapshot.pod}</b></nav><span class="lost">the dashboard does not answer any more</span></div></header>
<main id="now">${renderNow(snapshot)}</main>
</body>
</html>
`.text;
}

/** What changes. */
export function renderNow(snapshot: PodSnapshot): Html {
  const { pod, state, machines, reading, problem } = snapshot;
  if (state === null) {
    return html`<div class="hero"><div class="verdict unknown" id="phase">gone</div><div><h1>${pod}</h1><p>There is no pod of this name now.</p></div></div>`;
  }
  const { topology, environment, startedAt, phase } = state;
  const about =
    environment === null
      ? topology.provider
      : `${topology.provider}, ${environment.accelerator === 'none' ? 'plain processes' : environment.accelerator}, ${environment.hostCores} cores`;
  return html`<div class="hero"><div class="verdict ${phase === 'up' ? 'valid' : 'unknown'}" id="phase">${phase}</div>
<div><h1>${pod}</h1><p>${`${about}; pool of ${showBytes(topology.pool.sizeBytes)}; since ${showMoment(startedAt)}; seen ${showMoment(snapshot.at)}`}</p></div></div>
${problem !== null && html`<p class="warning">${`The pool cannot be read: ${problem}`}</p>`}
${figures(snapshot)}
${runSection(snapshot)}
${machinesSection(machines, reading)}
${methodsSection(snapshot)}
${eventsSection(snapshot)}`;
}

function figures({ reading, pace, machines }: PodSnapshot): Html {
  const clients = reading?.clients.filter(({ state }) => state !== 'free') ?? [];
  const fenced = clients.filter(({ incarnation, fencedIncarnation }) => fencedIncarnation >= incarnation).length;
  const workers = machines.reduce((sum, { agent }) => sum + (agent?.workers.length ?? 0), 0);
  const heap = reading?.heap ?? null;
  return html`<div class="figures" id="figures">
<div class="card"><h4>operations a second</h4><strong>${pace.length === 0 ? '–' : showByUnit(Math.round(pace.at(-1)!), 'count')}</strong>${sparkline(pace)}<p>${`${showCount(reading?.history?.ends ?? 0)} recorded in this pod's history`}</p></div>
<div class="card"><h4>clients of the pool</h4><strong>${clients.length}</strong><p>${`${workers} worker${workers === 1 ? '' : 's'} at work; fenced and not recovered: ${fenced}; recovered so far: ${reading?.history?.recovered ?? 0}`}</p></div>
<div class="card"><h4>heap in use</h4><strong>${heap === null ? '–' : showBytes(heap.usedBytes)}</strong>
${
  heap !== null &&
  html`<meter min="0" max="${heap.segmentCount}" high="${Math.ceil(heap.segmentCount * 0.9)}" value="${heap.takenSegments}">${heap.takenSegments} of ${heap.segmentCount} segments</meter>
<p>${`${heap.takenSegments} of ${heap.segmentCount} segments of ${showBytes(heap.segmentBytes)} are taken`}</p>`
}</div>
</div>`;
}

const [sparkWidth, sparkHeight] = [220, 34];

function sparkline(pace: readonly number[]): Html | null {
  if (pace.length < 2) return null;
  const x = linearScale(0, pace.length - 1, [0, sparkWidth]);
  const y = linearScale(0, Math.max(1, ...pace), [sparkHeight - 1, 1]);
  const points = pace.map((value, index) => `${x.at(index).toFixed(1)},${y.at(value).toFixed(1)}`).join(' ');
  return html`<svg class="spark" preserveAspectRatio="none" viewBox="0 0 ${sparkWidth} ${sparkHeight}" role="img" aria-label="operations a second, of the last looks"><polyline points="${points}"/></svg>`;
}

function runSection({ run, at }: PodSnapshot): Html {
  if (run === null) return html`<section id="run"><h2>Run</h2><p class="note">No run has begun on this pod yet.</p></section>`;
  const quietMs = Date.parse(at) - Date.parse(run.toldAt);
  const isSilent = run.phase !== 'over' && quietMs > silentMs;
  const doing = isSilent ? `${run.phase}; no word for ${(quietMs / 1000).toFixed(0)} s: it is busy, or was killed` : run.phase;
  const tookMs = Date.parse(run.phase === 'over' ? run.toldAt : at) - Date.parse(run.startedAt);
  return html`<section id="run"><h2>${run.phase === 'over' ? 'Last run' : 'Run'}: ${run.scenario}</h2>
<p class="lead">${run.verdict !== null && html`<span class="badge ${run.verdict}">&nbsp;${run.verdict}&nbsp;</span> `}${`${doing}; ${(Math.max(0, tookMs) / 1000).toFixed(0)} s; seed ${run.seed}`}${run.operations !== null && `; ${showCount(run.operations)} operations ended`}; <code>${run.run}</code></p>
${
  run.faults.length > 0 &&
  html`<table id="struck"><thead><tr><th>fault</th><th>state</th><th>seen</th></tr></thead><tbody>${run.faults.map(
    (fault) =>
      html`<tr><td>${fault.sentence}</td><td><span class="state ${stateOf(fault).replace(' ', '-')}">${stateOf(fault)}</span></td><td>${fault.seen?.sentence ?? fault.error ?? ''}</td></tr>`,
  )}</tbody></table>`
}
${run.recoveries.length > 0 && recoveries(run)}</section>`;
}

function stateOf({ seen, healedAt, error }: FaultOutcome): 'waits' | 'struck' | 'healed' | 'failed' {
  if (error !== null) return 'failed';
  return seen === null ? 'waits' : healedAt === null ? 'struck' : 'healed';
}

function recoveries({ recoveries: outcomes }: LiveRun): Html {
  return html`<h3>Recoveries</h3><table><thead><tr><th>client</th><th>machine</th><th>state</th><th>recovered after</th><th>by</th></tr></thead><tbody>${outcomes.map(
    ({ id, incarnation, machine, state, suspectedAt, recoveredAt, by, because }) =>
      html`<tr><td>${`${id}.${incarnation}`}</td><td>${machine}</td><td>${`${state}${because === null ? '' : `: ${because}`}`}</td><td>${suspectedAt === null || recoveredAt === null ? '–' : showNs(recoveredAt.ns - suspectedAt.ns)}</td><td>${by ?? '–'}</td></tr>`,
  )}</tbody></table>`;
}

function machinesSection(machines: readonly MachineSnapshot[], reading: PodSnapshot['reading']): Html {
  return html`<section id="machines"><h2>Machines</h2><table>
<thead><tr><th>machine</th><th>state</th><th>agent</th><th>workers</th><th>clients</th></tr></thead>
<tbody>${machines.map(({ machine, number, isAlive, agent, problem }) => {
    const clients = reading?.clients.filter((each) => each.state !== 'free' && each.machine === number) ?? [];
    return html`<tr data-machine="${machine}"><th>${machine}</th><td><span class="badge ${isAlive ? 'valid' : 'invalid'}">&nbsp;${isAlive ? 'runs' : 'ended'}&nbsp;</span></td>
<td>${agent === null ? html`<span class="dim">${problem ?? ''}</span>` : `process ${agent.pid}, up ${Math.round(agent.uptimeMs / 1000)} s, ${showBytes(agent.residentBytes)}${agent.suspicions.length > 0 ? `; suspects ${agent.suspicions.map(({ machineNumber, suspects }) => `${suspects.length} of machine ${machineNumber}`).join(', ')}` : ''}`}</td>
<td>${agent === null ? '' : agent.workers.length === 0 ? 'none' : agent.workers.map(({ worker, pid, task, adopted, client }) => html`<div data-worker="${worker}"><b>${worker}</b> <span class="dim">${`${pid}, ${client === null ? 'starts' : (task ?? 'idle')}${adopted ? ', of an earlier agent' : ''}`}</span></div>`)}</td>
<td>${clients.map(({ id, incarnation, state, fencedIncarnation }) => `${id}.${incarnation}${fencedIncarnation >= incarnation ? ' fenced' : state === 'joined' ? '' : ` ${state}`}`).join(', ')}</td></tr>`;
  })}</tbody></table></section>`;
}

function methodsSection({ methods }: PodSnapshot): Html {
  if (methods.length === 0)
    return html`<section id="methods"><h2>Calls</h2><p class="note">Nothing was called yet.</p></section>`;
  return html`<section id="methods"><h2>Calls</h2><table>
<thead><tr><th>service</th><th>method</th><th class="n">calls</th><th class="n">per second</th><th class="n">failed</th><th class="n">refused</th><th class="n">p50</th><th class="n">p99</th><th class="n">in flight</th></tr></thead>
<tbody>${methods.map(
    (
      each,
    ) => html`<tr><td>${each.service}</td><td>${each.name === '' ? String(each.method) : each.name}</td><td class="n">${showCount(each.calls)}</td>
<td class="n">${each.callsPerSecond === null ? '–' : showCount(Math.round(each.callsPerSecond))}</td><td class="n">${showCount(each.failed)}</td><td class="n">${showCount(each.refused)}</td>
<td class="n">${limit(each.p50Ns)}</td><td class="n">${limit(each.p99Ns)}</td><td class="n">${showCount(each.inFlight)}</td></tr>`,
  )}</tbody></table><p class="note">Times are in the handler, of one in so many calls; upper ends of buckets.</p></section>`;
}

function limit(ns: number | null): string {
  if (ns === null) return '–';
  return Number.isFinite(ns) ? `< ${showNs(ns)}` : 'longer than all';
}

function eventsSection({ events }: PodSnapshot): Html {
  return html`<section id="events"><h2>Seen since somebody looks</h2>${events.length === 0 ? html`<p class="note">Nothing yet.</p>` : html`<table><tbody>${events.map(({ at, machine, text }) => html`<tr><td class="dim">${showMoment(at)}</td><td>${machine}</td><td>${text}</td></tr>`)}</tbody></table>`}</section>`;
}

function showMoment(iso: string): string {
  return `${iso.slice(11, 19)} UTC`;
}
