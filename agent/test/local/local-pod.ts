/** Some agents on this host that share one pool, each with a controller attached; and one more folder that `close` removes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type History, readHistoryFile } from '../../src/history/index.ts';
import { inspectPoolFile, type PoolInspection } from '../../src/inspect/index.ts';
import type { TaskName, Tasks } from '../../src/protocol/index.ts';
import { bundleAgent } from './agent-bundle.ts';
import { endAgent, type LocalAgent, startAgent, TestController } from './local-agent.ts';
import { makePodFiles, type PodFiles } from './pod-files.ts';

export const taskDeadlineMs = 60_000;

export class LocalPod {
  readonly files: PodFiles;
  readonly agents: readonly LocalAgent[];
  readonly controllers: readonly TestController[];

  static async start(bundle: string, options: { readonly machines: number; readonly cgroup?: string }): Promise<LocalPod> {
    const files = makePodFiles();
    const { cgroup } = options;
    const agents: LocalAgent[] = [];
    const controllers: TestController[] = [];
    for (let number = 1; number <= options.machines; number++) {
      const machine = `m${number}`;
      const agent = await startAgent({
        ...{ bundle, folder: files.folder, machine },
        ...(cgroup === undefined ? {} : { cgroup: join(cgroup, machine) }),
      });
      agents.push(agent);
      const controller = await TestController.attach(agent);
      await controller.request('configure', files.configuration(number));
      controllers.push(controller);
    }
    await controllers[0]!.request('format', {});
    return new LocalPod(files, agents, controllers);
  }

  private constructor(files: PodFiles, agents: readonly LocalAgent[], controllers: readonly TestController[]) {
    this.files = files;
    this.agents = agents;
    this.controllers = controllers;
  }

  /** Of machine `number`, from 1. */
  on(number: number): TestController {
    return this.controllers[number - 1]!;
  }

  task<Name extends TaskName>(
    machine: number,
    worker: string,
    task: Name,
    parameters: Tasks[Name]['parameters'],
    deadlineMs = taskDeadlineMs,
  ): Promise<Tasks[Name]['result']> {
    return this.on(machine).request('runTask', { worker, task, parameters, deadlineMs }) as Promise<Tasks[Name]['result']>;
  }

  inspect(): PoolInspection {
    return inspectPoolFile(this.files.configuration(1).pool.path);
  }

  history(): History {
    return readHistoryFile(this.files.configuration(1).history.path);
  }

  async close(): Promise<void> {
    for (const controller of this.controllers) controller.close();
    for (const agent of this.agents) await endAgent(agent);
    this.files.remove();
  }
}

export async function temporaryBundle(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-agent-'));
  await bundleAgent(folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
