/** The example of docs/references-in-calls.md: a library that keeps documents, and says how many lines they have. */
import type { Core } from '../../src/pool/core.ts';
import { connectService, defineService, heap, json, serve } from '../../src/rpc/index.ts';
import type { HeapClient, Ref } from '../../src/shm/index.ts';

export const library = defineService('library', {
  methods: {
    keep: heap({ takes: 1, gives: 0 }),
    find: heap({ takes: 0, gives: 1 }),
    shelve: { payload: heap({ takes: 2, gives: 1 }), handler: 'background' },
    count: json<undefined, number>(),
  },
});

export function serveLibrary(core: Core, mine: HeapClient) {
  const kept: Ref[] = [];
  return serve(
    core,
    library,
    {
      keep: ({ refs: [document] }) => {
        document.view.setUint32(0, kept.length, true); // in place: the caller sees it
        kept.push(document.clone()); // the handler's own is dropped when it is answered
        return {};
      },
      find: ({ bytes }) => ({ refs: [kept[bytes[0]!]!.clone()] }), // given away
      shelve: async ({ refs: [left, right] }, { signal }) => {
        signal.throwIfAborted();
        using shelf = mine.alloc(8, 2); // two references
        shelf.attach(0, left);
        shelf.attach(1, right);
        return { refs: [shelf.clone()] };
      },
      count: () => kept.length,
    },
    { heap: mine },
  );
}

export async function useLibrary(core: Core, mine: HeapClient) {
  using caller = connectService(core, library, { heap: mine });
  using document = mine.alloc(10_000);
  await caller.call('keep', { refs: [document] }, { deadlineMs: 60_000 });

  using found = await caller.call('find', { bytes: Uint8Array.of(0) });
  const [same] = found.refs;
  const number = same.view.getUint32(0, true);

  using shelved = await caller.call('shelve', { refs: [document, same], move: true });
  using shelf = shelved.refs[0];
  return { number, shelf: shelf.references, count: await caller.call('count', undefined) };
}
