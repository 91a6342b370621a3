/** `word-count`: words of a text that lies in the heap, counted by mappers and added up by reducers, by reference (CXL-SHM, figure 7). */
import { z } from 'zod';
import { size } from '../config/quantities.ts';
import { readCorpus } from './corpus.ts';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import { type HeapResult, perSecond, showPerSecond } from './heap-result.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const mebibyte = 1024 ** 2;

const parameters = z.strictObject({
  name: z.literal('word-count'),
  mappers: z.number().int().min(1).max(16).default(1),
  reducers: z.number().int().min(1).max(16).default(1),
  /** To which the text is repeated; every word of it is counted. */
  size: size.pipe(z.number().max(256 * mebibyte)).default(4 * mebibyte),
  chunk: size.pipe(z.number().max(4 * mebibyte)).default(64 * 1024),
});

export type WordCountParameters = z.output<typeof parameters>;

export interface WordCountResult extends HeapResult {
  readonly words: number;
  readonly distinct: number;
  readonly sourceBytes: number;
  readonly elapsedNs: number;
}

const deadlineMs = 300_000;

export const wordCount = {
  name: 'word-count',
  sentence:
    'The words of cxlpod’s own documents, in shared memory, counted by mappers and added up by reducers on other machines.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ mappers, reducers }: WordCountParameters, machines: readonly string[]) => [
    ...spread('mapper', mappers, machines),
    ...spread('reducer', reducers, machines, { from: mappers }),
  ],
  async run(wanted: WordCountParameters, context: WorkloadContext): Promise<WordCountResult> {
    const mappers = await hireSpread(context, 'mapper', wanted.mappers);
    const reducers = await hireSpread(context, 'reducer', wanted.reducers, { from: wanted.mappers });
    const share = { text: readCorpus(), sizeBytes: wanted.size, chunkBytes: wanted.chunk, tag: new Tokens(context).next() };
    context.say(`word-count: ${wanted.size} bytes, ${mappers.length} mappers, ${reducers.length} reducers`);
    const crews = [
      { role: 'mapper', hands: mappers, peers: reducers },
      { role: 'reducer', hands: reducers, peers: mappers },
    ] as const;
    const working = crews.flatMap(({ role, hands, peers }) =>
      hands.map((hand, number) => ({
        hand,
        task: hand.task(
          'word-count',
          { role, share: number, shares: hands.length, peers: peers.map(({ client }) => client), ...share },
          { deadlineMs, label: role },
        ),
      })),
    );
    const counted = await all(working.map(({ task }) => task));
    for (const [index, { spans }] of counted.entries()) draw(context, working[index]!.hand, spans);
    const reduced = counted.slice(mappers.length);
    const words = reduced.reduce((sum, each) => sum + each.words, 0);
    const distinct = reduced.reduce((sum, each) => sum + each.distinct, 0);
    const elapsedNs = Math.max(...counted.map((each) => each.elapsedNs));
    return {
      words,
      distinct,
      sourceBytes: reduced[0]!.sourceBytes,
      elapsedNs,
      checked: { what: 'words, as many of each as a plain count of the text finds', count: words },
      figures: [
        {
          name: 'words',
          value: showPerSecond(perSecond(words, elapsedNs)),
          detail: `${words.toLocaleString('en-US')} words, ${distinct.toLocaleString('en-US')} different ones; ${mappers.length} mappers, ${reducers.length} reducers`,
        },
      ],
    };
  },
} satisfies Workload<WordCountParameters, WordCountResult>;
