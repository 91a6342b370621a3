/** Names of pods and machines become folders, container names, host names and labels: one strict rule for all of them. */
import { z } from 'zod';
import { usageError } from '../errors/cxlpod-error.ts';

export const namePattern = /^[a-z][a-z0-9-]{0,30}$/;
const nameRule = 'a lower-case letter, then up to 30 letters, digits and hyphens';

export const name = z.string().regex(namePattern, { error: (issue) => `${JSON.stringify(issue.input)} must be ${nameRule}` });

/** For a name that came from the command line. */
export function requirePodName(text: string): string {
  if (namePattern.test(text)) return text;
  throw usageError('NAME_INVALID', `${JSON.stringify(text)} cannot be the name of a pod`, { hint: nameRule });
}
