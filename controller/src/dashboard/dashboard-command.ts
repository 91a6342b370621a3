/** `cxlpod dashboard`: a pod in the browser while it runs, until it is interrupted. */
import { once } from 'node:events';
import type { CommandContext } from '../cli/command.ts';
import { requireUp } from '../cluster/open-pod.ts';
import { exitCodes } from '../errors/cxlpod-error.ts';
import { serveDashboard } from './serve.ts';
import { PodWatch } from './watch-pod.ts';

export async function dashboardCommand(
  pod: string,
  { port }: { readonly port: number },
  context: CommandContext,
): Promise<number> {
  await requireUp(pod);
  const watch = new PodWatch(pod);
  try {
    const served = await serveDashboard(() => watch.look(), port);
    try {
      context.out(served.url);
      context.say(`dashboard of ${pod}; metrics at ${served.url}metrics; Ctrl-C ends it`);
      if (!context.signal.aborted) await once(context.signal, 'abort');
    } finally {
      await served.close();
    }
  } finally {
    await watch.close();
  }
  return exitCodes.interrupted;
}
