import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentError } from '../errors/cxlpod-error.ts';

/** The folder with `infra/`, `images/` and the built agent; above this file both in the source tree and in the bundle. */
export function projectRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'infra', 'topologies'))) return folder;
  }
  throw environmentError('NO_PROJECT_ROOT', 'cxlpod cannot find its own files', {
    cause: new Error(`no infra/topologies in any folder above ${start}`),
    hint: 'run cxlpod from a complete checkout',
  });
}
