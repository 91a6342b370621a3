import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../config/project-root.ts';
import { environmentError } from '../errors/cxlpod-error.ts';

export interface BundleFile {
  readonly from: string;
  /** Relative to the machine's agent folder. */
  readonly to: string;
  readonly executable: boolean;
}

const fileNames = ['agent.mjs', 'worker.mjs', 'core.wasm', 'core-traced.wasm', 'addon.node', 'floor'] as const;

/** What a machine needs to be part of a pod, as built by infra/build.mjs. */
export function agentBundle(): readonly BundleFile[] {
  return built(fileNames);
}

/** The gRPC baseline, for the runs that compare with it. */
export function grpcBundle(): readonly BundleFile[] {
  return built(['grpc.cjs']);
}

function built(names: readonly string[]): readonly BundleFile[] {
  const folder = join(projectRoot(), 'agent', 'dist');
  return names.map((to) => {
    const from = join(folder, to);
    if (!existsSync(from)) {
      throw environmentError('AGENT_NOT_BUILT', 'the agent has not been built', {
        cause: new Error(`there is no ${from}`),
        hint: 'make build',
      });
    }
    return { from, to, executable: (statSync(from).mode & 0o111) !== 0 };
  });
}
