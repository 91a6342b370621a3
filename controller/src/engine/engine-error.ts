import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';

interface EngineFailure {
  readonly code?: string;
  readonly statusCode?: number;
  readonly reason?: string;
  readonly json?: { readonly message?: string };
  readonly message?: string;
}

/** Turns what the client library throws into what the operator can act on. */
export function engineError(what: string, thrown: unknown): CxlpodError {
  if (thrown instanceof CxlpodError) return thrown;
  const { code, statusCode, json, message } = thrown as EngineFailure;
  const cause = new Error(json?.message ?? message ?? String(thrown));
  switch (code) {
    case 'ENOENT':
      return environmentError('NO_ENGINE', 'there is no docker engine', {
        cause,
        hint: 'make prepare, which installs and starts it; then cxlpod down removes what may be left of a pod',
      });
    case 'EACCES':
      return environmentError('ENGINE_FORBIDDEN', 'this user may not talk to the docker engine', {
        cause,
        hint: `sudo usermod -aG docker ${process.env.USER ?? '$USER'}, then log in again`,
      });
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
      return environmentError('ENGINE_DOWN', `the docker engine does not answer (could not ${what})`, {
        cause,
        hint: 'make prepare, which starts it; then cxlpod down removes what is left of the pod',
      });
  }
  if (/address pool/.test(cause.message)) {
    return environmentError('NO_ADDRESSES', `could not ${what}`, {
      cause,
      hint: 'docker network prune, which removes networks that no container uses: each pod needs one',
    });
  }
  const kind = statusCode === 404 ? 'ENGINE_GONE' : statusCode === 409 ? 'ENGINE_CONFLICT' : 'ENGINE_FAILED';
  return environmentError(kind, `could not ${what}`, { cause });
}

/** For what is made under a name that somebody else's may have. */
export function orNameTaken(error: unknown, what: 'container' | 'network', name: string): unknown {
  if (!isConflict(error)) return error;
  const { message, cause } = error as CxlpodError;
  return environmentError('NAME_TAKEN', message, {
    cause,
    hint: `docker ${what} inspect ${name} tells whose it is, and docker ${what} rm ${name} removes it; or another pod name: --name`,
  });
}

export function isGone(error: unknown): boolean {
  return error instanceof CxlpodError && error.code === 'ENGINE_GONE';
}

export function isConflict(error: unknown): boolean {
  return error instanceof CxlpodError && error.code === 'ENGINE_CONFLICT';
}
