import { type AgentEvent, type EventLine, eventBacklog } from './messages.ts';

/**
 * The agent's events, numbered from 1 without gaps. The newest are kept, so that a controller that attaches again is sent
 * what it missed; one that stayed away longer sees it by the gap in the numbers.
 */
export class EventBacklog {
  readonly #limit: number;
  #lines: EventLine[] = [];
  #lastNumber = 0;

  constructor(limit: number = eventBacklog) {
    this.#limit = limit;
  }

  append(body: AgentEvent): EventLine {
    const line: EventLine = { event: ++this.#lastNumber, body };
    this.#lines.push(line);
    // Trimmed in halves: shifting a long array at every event would make each cost the whole backlog.
    if (this.#lines.length >= 2 * this.#limit) this.#lines = this.#lines.slice(-this.#limit);
    return line;
  }

  /** The kept events after number `lastEvent`, oldest first. */
  after(lastEvent: number): readonly EventLine[] {
    const kept = this.#lines.slice(-this.#limit);
    return kept.filter((line) => line.event > lastEvent);
  }
}
