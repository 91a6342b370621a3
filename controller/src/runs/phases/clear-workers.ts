import type { Run } from './run.ts';

/** Workers that a killed controller left on the pod would hold the names and the cores that this run needs. */
export async function clearWorkers({ options: { pod, say }, past }: Run): Promise<void> {
  const own = past?.hires.map(({ post }) => `${post.machine}/${post.worker}`) ?? [];
  for (const { machine, agent } of pod.machines) {
    if (past?.unreached.includes(machine.name) === true) continue;
    const { workers } = await agent.request('status', {});
    for (const { worker } of workers.filter((each) => !own.includes(`${machine.name}/${each.worker}`))) {
      say(`${machine.name}: ends worker ${worker}, left by an earlier run`);
      await agent.request('stopWorker', { worker, how: 'kill' });
    }
  }
}
