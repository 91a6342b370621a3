/** Where the faults struck: a numbered flag above everything, a line down through it. The numbers are those of the table. */
import { type Html, html } from '../html.ts';
import { showNs } from '../units.ts';
import { type Across, px } from './window.ts';

export interface NumberedFault {
  readonly number: number;
  readonly sentence: string;
  readonly atNs: number;
}

const flagWidth = 19;
const flagHeight = 19;
const rowLimit = 4;

export interface PlacedFlag extends NumberedFault {
  readonly x: number;
  readonly row: number;
}

/** Beside each other where there is room, else in rows; where even those are full they overlap. */
export function placeFlags(faults: readonly NumberedFault[], x: Across): readonly PlacedFlag[] {
  const ends: number[] = [];
  return faults
    .filter(({ atNs }) => x.isInside(atNs))
    .map((fault) => {
      const at = x.at(fault.atNs);
      const free = Array.from({ length: rowLimit }, (_, row) => row).find((row) => (ends[row] ?? Number.NEGATIVE_INFINITY) <= at);
      const row = free ?? rowLimit - 1;
      ends[row] = at + flagWidth;
      return { ...fault, x: at, row };
    });
}

export function flagsHeight(flags: readonly PlacedFlag[]): number {
  return flags.length === 0 ? 0 : (Math.max(...flags.map(({ row }) => row)) + 1) * flagHeight;
}

export function drawFlags(flags: readonly PlacedFlag[], bottom: number): Html[] {
  return flags.map(({ number, sentence, atNs, x, row }) => {
    const y = row * flagHeight + 9;
    return html`<g class="mark fault"><line x1="${px(x)}" x2="${px(x)}" y1="${y + 8}" y2="${bottom}"/>
  <circle cx="${px(x)}" cy="${y}" r="8"/><text x="${px(x)}" y="${y + 4}" text-anchor="middle">${number}</text>
  <title>${`fault ${number}: ${sentence}, at ${showNs(atNs)}`}</title></g>`;
  });
}
