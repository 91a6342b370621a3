/** What a client may do that was declared dead and is not: nothing that another one notices. */
import { codes, constants } from '../../src/layout/index.ts';
import { connectTo, listenAs } from './calls.ts';
import type { Check } from './checks.ts';
import { World } from './simulator.ts';

/** A fenced server comes back and closes: the connection is its heir's, at the same place, under the same client id. */
export const aFencedClientClosesNothing: Check = (mutant) => {
  const problems: string[] = [];
  const world = new World({ mutant });
  const [zombie, undertaker, heir, caller] = [1, 2, 1, 3].map((machine) => world.client(machine));
  zombie!.core.format(1, zombie!.process, 0, 0);
  zombie!.core.join(1, zombie!.process, 0);
  const handle = listenAs(zombie!, 'echo');
  const [id, incarnation] = [zombie!.core.selfClient(), zombie!.core.selfIncarnation()];
  undertaker!.core.grantFence(id, incarnation);
  undertaker!.core.recoverClient(id, incarnation);
  heir!.core.join(1, heir!.process, 0);
  listenAs(heir!, 'echo');
  if (heir!.core.selfClient() !== id) problems.push(`the heir is client ${heir!.core.selfClient()}, not ${id}`);

  const again = zombie!.core.rpcListen(zombie!.name('echo'), 0, 1, 16, constants.LAYOUT_HARDENED, constants.SHARING_COHERENT);
  if (again !== codes.FENCED) problems.push(`it may listen again: ${again}`);
  const connected = zombie!.core.rpcConnect(zombie!.name('echo'), 0);
  if (connected !== codes.FENCED) problems.push(`it may connect: ${connected}`);
  zombie!.core.rpcClose(handle);

  caller!.core.join(3, caller!.process, 0);
  if (connectTo(caller!, 'echo') < 0) problems.push('nobody can connect to the heir any more');
  return [...problems, ...world.inspect().problems];
};
