/** What is wrong with a pool: sentences for people, kinds for programs, and a bound on how many are told. */

/**
 * `leak`: memory that nobody gives back. `dangling-reference`: a reference to where no object lives. `over-counted`, `under-counted`:
 * an object's count and the references to it differ. `not-recovered`: a client whose end was seen still holds its place. `structure`:
 * bytes that mean nothing.
 */
export const problemKinds = [
  'leak',
  'dangling-reference',
  'over-counted',
  'under-counted',
  'not-recovered',
  'structure',
] as const;
export type ProblemKind = (typeof problemKinds)[number];

export interface Finding {
  readonly kind: ProblemKind;
  readonly count: number;
  /** The first ones. */
  readonly sentences: readonly string[];
}

/** A damaged heap of a million objects may have a million problems. */
const keptLimit = 1_000;
const keptOfKind = 5;

interface Kept {
  readonly kind: ProblemKind;
  readonly sentence: string;
  /** What the sentence is about, as it was when it was found: of two readings with the same stamp, nothing has moved. */
  readonly stamp: string;
  /** A living client that is in the middle of an operation explains it. */
  readonly passing: boolean;
}

export class Problems {
  readonly #kept: Kept[] = [];
  readonly #counts = new Map<ProblemKind, number>();

  add(kind: ProblemKind, sentence: () => string, about: { readonly stamp?: string; readonly passing?: boolean } = {}): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#kept.length >= keptLimit) return;
    this.#kept.push({ kind, sentence: sentence(), stamp: about.stamp ?? '', passing: about.passing ?? false });
  }

  addAll(kind: ProblemKind, sentences: readonly string[]): void {
    for (const sentence of sentences) this.add(kind, () => sentence);
  }

  get count(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The first thousand, and how many more there are. */
  get sentences(): readonly string[] {
    const sentences = this.#kept.map(({ sentence }) => sentence);
    const more = this.count - sentences.length;
    return more === 0 ? sentences : [...sentences, `and ${more} problems more`];
  }

  get findings(): readonly Finding[] {
    return problemKinds.flatMap((kind) => {
      const count = this.#counts.get(kind) ?? 0;
      const first = this.#kept.filter((each) => each.kind === kind).slice(0, keptOfKind);
      return count === 0 ? [] : [{ kind, count, sentences: first.map(({ sentence }) => sentence) }];
    });
  }

  /** Those that no living client explains and that the other reading found too, with nothing moved in between. */
  lastingIn(other: Problems): Problems {
    const there = new Set(other.#kept.map(keyOf));
    const lasting = new Problems();
    for (const each of this.#kept) {
      if (!each.passing && there.has(keyOf(each))) lasting.add(each.kind, () => each.sentence, each);
    }
    return lasting;
  }
}

function keyOf({ sentence, stamp }: Kept): string {
  return `${sentence} ${stamp}`;
}
