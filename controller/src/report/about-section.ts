/** How to do it again, of what it was made, and every file that is left. */
import { isAsExpected } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { quoteCommand } from '../ssh/quote.ts';
import { type Html, html } from './html.ts';
import type { RunFile } from './report-input.ts';
import { showBytes, showCount } from './units.ts';

export function aboutSection(record: RunRecord, files: readonly RunFile[]): Html {
  const { provenance, environment, gate, restarts } = record;
  const { program = 'cxlpod' } = provenance;
  const commands = [`cd .runs/${record.run}`, ...provenance.commands, `${program} down --name ${record.pod}`].join('\n');
  const changes = provenance.gitDirty === true ? ', and files that differed from it' : '';
  const rows: readonly (readonly [string, string | null])[] = [
    ['provider', environment.provider],
    ['accelerator', `${environment.accelerator}: ${environment.acceleratorReason}`],
    [
      'host',
      `${environment.hostCpu}, ${environment.hostCores} cores, ${showBytes(provenance.host.memoryBytes)}, Linux ${provenance.host.kernel}`,
    ],
    ['cxlpod', provenance.gitRevision === null ? null : `revision ${provenance.gitRevision}${changes}`],
    ...Object.entries(environment.versions),
    ['coherence gate', gate === null ? 'not recorded' : describeGate(gate)],
    [
      'restarts',
      `${restarts.machines} machines during boot, ${restarts.workers} workers, ${restarts.channels} control channels; ${restarts.stubbornWorkers} workers killed after they did not leave`,
    ],
    ['seed', String(record.seed)],
    ['started', record.startedAt],
    ['took', `${(record.tookMs / 1000).toFixed(1)} s`],
  ];
  return html`<section id="again">
  <h2>Do it again</h2>
  <div class="two"><div><h3>From this folder</h3><pre class="commands">${commands}</pre></div>
  <div><h3>From the folder of runs</h3>${repeats(record).map(({ command, what }) => html`<pre class="commands one">${command}</pre><p class="note under">${what}</p>`)}</div></div>
  <div class="two">
  <div><h3>Environment</h3><table class="plain"><tbody>${rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</tbody></table></div>
  <div><h3>Files</h3><table class="plain files"><tbody>${files.map(
    ({ path, sizeBytes }) => html`<tr><td><a href="${path}">${path}</a></td><td class="n dim">${showBytes(sizeBytes)}</td></tr>`,
  )}</tbody></table></div>
  </div>
  </section>`;
}

/** One click marks a whole command. */
function repeats({
  run,
  faults,
  scenario,
  verdict,
  error,
  provenance,
}: RunRecord): readonly { readonly command: string; readonly what: string }[] {
  const path = `.runs/${run}`;
  const { program = 'cxlpod', scenarioFile } = provenance;
  const isWrong = isAsExpected({ scenario, verdict, error }) !== 'valid';
  return [
    { command: `${program} replay ${path} --up`, what: 'the same scenario, seed and faults, on a pod of its own' },
    ...(faults.length > 1 && isWrong
      ? [{ command: `${program} shrink ${path}`, what: 'the fewest of its faults with which it still fails' }]
      : []),
    { command: `${program} check ${path}`, what: 'the verdict again, from these files alone' },
    { command: `${program} campaign ${quoteCommand([scenarioFile])} --seeds 20`, what: 'the same scenario with other seeds' },
  ];
}

function describeGate(gate: NonNullable<RunRecord['gate']>): string {
  const { fetchAdd, casCounter, casLost, plain, verdict } = gate;
  const tally = ({ kept, of }: { readonly kept: number; readonly of: number }): string =>
    `${showCount(kept)} of ${showCount(of)}`;
  return `${verdict}: kept ${tally(fetchAdd)} fetch-adds and ${tally(casCounter)} won swaps, ${showCount(casLost)} swaps lost; of plain increments, the negative control, ${tally(plain)}`;
}
