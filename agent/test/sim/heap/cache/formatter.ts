/** Everybody is on one machine, who formatted the pool too; what they were told is there is found by the next to come. */
import { codes, constants } from '../../../../src/layout/index.ts';
import { writeBackMemory } from '../../memory/write-back.ts';
import { audit, heapClient, heapWorld, root } from '../heap-world.ts';
import { setName } from '../operations.ts';
import { buryUntil } from './power-off.ts';

/** `heapWorld` formats on machine 9. */
const machine = 9;
const rounds = 3;

export function formatterIsLost(mutant: number, flushPolicy: number = constants.FLUSH_HOST): readonly string[] {
  for (let seed = 1; seed <= rounds; seed++) {
    const world = heapWorld({ mutant, flushPolicy, memory: writeBackMemory({ profile: 'COH', seed }) });
    const client = heapClient(world, machine);
    setName(client, 'tree', root(client.core.shmAlloc(24, 0)));
    world.crashMachine(machine);
    const heir = world.client(2);
    try {
      if (world.inspect().superblock.state !== 'formatted')
        return [`seed ${seed}: the pool is ${world.inspect().superblock.state}`];
      buryUntil(heir, 0);
      heir.core.join(2, heir.process, 0);
      const opened = heir.core.shmOpen(0);
      if (opened !== codes.OK) return [`seed ${seed}: shmOpen answered ${opened}`];
      root(heir.core.shmGetName(heir.name('tree')));
    } catch (error) {
      return [`seed ${seed}: ${(error as Error).message}`];
    }
    world.settle();
    const problems = audit(world);
    if (problems.length > 0) return problems.map((problem) => `seed ${seed}: ${problem}`);
  }
  return [];
}
