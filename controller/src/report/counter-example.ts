/** The few operations that have no order, as a time line: a row for each client, tickets from left to right. */
import type { CounterExample } from '../checks/linearizable.ts';
import { type Html, html } from './html.ts';

const width = 1040;
const left = 190;
const right = 24;
const rowHeight = 30;
const top = 14;
/** Tickets in between say nothing: each begin and end has the same distance from the next. */
const leastStep = 46;

type ShownOperation = CounterExample['operations'][number];

/** Of a check that found some; `evidence` may be of any check. */
export function counterExamples(evidence: Readonly<Record<string, unknown>>): Html[] {
  const found = evidence.counterExamples as readonly CounterExample[] | undefined;
  return (found ?? []).map(drawing);
}

function drawing({ key, loadedVersion, operations }: CounterExample): Html {
  const last = Number.POSITIVE_INFINITY;
  const tickets = [
    ...new Set(operations.flatMap(({ from, answered, recovered }) => [from, answered ?? last, recovered ?? last])),
  ].sort((a, b) => a - b);
  const step = Math.max(leastStep, (width - left - right) / Math.max(1, tickets.length - 1));
  const x = (ticket: number): number => left + step * tickets.indexOf(ticket);
  const rows = [...new Set(operations.map(clientOf))];
  const height = top + rows.length * rowHeight + 24;
  const end = x(tickets.at(-1)!);
  return html`<figure class="counterexample"><figcaption>Key ${key}, ${loadedVersion === 0 ? 'without a value' : `with version ${loadedVersion}`} at first: no order explains these ${operations.length}.</figcaption>
  <svg class="wide counterexample" viewBox="0 0 ${Math.max(width, end + right)} ${height}" role="img" aria-label="operations that have no order">
  ${tickets
    .filter((ticket) => ticket !== last)
    .map(
      (ticket) => html`<line class="grid" x1="${x(ticket)}" x2="${x(ticket)}" y1="6" y2="${height - 20}"/>
  <text class="tick" x="${x(ticket)}" y="${height - 6}" text-anchor="middle">${ticket}</text>`,
    )}
  ${rows.map((row, index) => html`<text class="lane" x="${left - 10}" y="${top + index * rowHeight + 15}" text-anchor="end">${row}</text>`)}
  ${operations.map((operation) => bar(operation, top + rows.indexOf(clientOf(operation)) * rowHeight, x, end))}
  </svg></figure>`;
}

function bar(operation: ShownOperation, y: number, x: (ticket: number) => number, end: number): Html {
  const { name, from, answered, recovered } = operation;
  const to = answered === null ? end : x(answered);
  return html`<g class="operation ${name}${answered === null ? ' open' : ''}"><rect x="${x(from)}" y="${y}" width="${Math.max(4, to - x(from))}" height="20" rx="3"/>
  <text x="${x(from) + 5}" y="${y + 14}">${what(operation)}</text>
  ${recovered !== null && html`<line class="recovered" x1="${x(recovered)}" x2="${x(recovered)}" y1="${y - 3}" y2="${y + 23}"/>`}
  <title>${`${clientOf(operation)}: ${what(operation)}, ${answered === null ? `begun at ${from}, never answered` : `${from} to ${answered}`}${recovered === null ? '' : `; its client's recovery ended at ${recovered}`}`}</title></g>`;
}

function what({ name, value, answered }: ShownOperation): string {
  if (name === 'delete') return 'delete';
  if (name === 'put') return `put ${value}`;
  return answered === null ? 'get' : `get → ${value === 0 ? 'none' : value}`;
}

function clientOf({ client, incarnation, machine }: ShownOperation): string {
  return `client ${client}.${incarnation} on machine ${machine}`;
}
