/**
 * Everything that chance leaves open, one after the other: a run that asks `choose` is run again until every answer was given to every
 * question.
 *
 *     const choices = new Choices();
 *     const world = new World({ memory: writeBackMemory({ profile: 'COH', choose: choices.choose }) });
 *     const problems = choices.forEvery(() => { world.restore(snapshot); ...; world.crashMachine(1); ...; return audit(world); });
 */
import type { Choose } from './device.ts';

export class Choices {
  #answers: number[] = [];
  #options: number[] = [];
  /** Runs of the last `forEvery`. */
  runs = 0;

  readonly choose: Choose = (options) => {
    const place = this.#options.length;
    this.#options.push(options);
    const answer = this.#answers[place] ?? 0;
    this.#answers[place] = answer;
    return answer;
  };

  /** Ends with the first run that returns problems, and returns them. */
  forEvery(run: () => readonly string[], limit = 1_000_000): readonly string[] {
    this.#answers = [];
    for (this.runs = 1; this.runs <= limit; this.runs++) {
      this.#options = [];
      const problems = run();
      if (problems.length > 0) return problems;
      const answers = this.#answers;
      answers.length = this.#options.length;
      while (answers.length > 0 && answers.at(-1)! + 1 === this.#options[answers.length - 1]) answers.pop();
      if (answers.length === 0) return [];
      answers[answers.length - 1]!++;
    }
    throw new Error(`there are more than ${limit} ways to answer`);
  }
}
