/** Loads the gRPC baseline, which is no part of the agent: a file of its own, that the controller brings when a run compares with it. */
import { createRequire } from 'node:module';
import type * as GrpcEcho from '../../grpc/echo.ts';
import { builtFile } from '../pool/native.ts';
import { AgentError } from '../protocol/agent-error.ts';

/** Throws AgentError GRPC_MISSING. */
export function loadGrpc(): typeof GrpcEcho {
  const path = builtFile('grpc.cjs');
  if (path === undefined) {
    throw new AgentError('GRPC_MISSING', 'the gRPC baseline is not on this machine', {
      hint: 'run `node infra/build.mjs`; in a run, the workload brings grpc.cjs to each machine first',
    });
  }
  return createRequire(import.meta.url)(path) as typeof GrpcEcho;
}
