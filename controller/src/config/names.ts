/** Names of pods and machines become folders, container names, host names and labels: one strict rule for all of them. */
import { z } from 'zod';
import { usageError } from '../errors/cxlpod-error.ts';

/** So short since a pod and a machine stand in the path of a unix socket together, and a path of those has room for 107 bytes. */
const longestName = 31;
/** A folder of runs is called after its scenario, and its time stands before it: that is all, so a sentence fits. */
const longestScenarioName = 120;

export const namePattern = new RegExp(`^[a-z][a-z0-9-]{0,${longestName - 1}}$`);
const nameRule = ruleOf(longestName);
const scenarioNameRule = ruleOf(longestScenarioName);

export const name = z
  .string()
  .regex(namePattern, { error: ({ input }) => `${JSON.stringify(input)} must be ${nameRule}${lengthOf(input, longestName)}` });

export const scenarioName = z.string().refine(isScenarioName, {
  error: ({ input }) => `${JSON.stringify(input)} must be ${scenarioNameRule}${lengthOf(input, longestScenarioName)}`,
});

export function isScenarioName(text: string): boolean {
  return text.length <= longestScenarioName && /^[a-z][a-z0-9-]*$/.test(text);
}

/** For a name that came from the command line. */
export function requirePodName(text: string): string {
  if (namePattern.test(text)) return text;
  throw usageError('NAME_INVALID', `${JSON.stringify(text)} cannot be the name of a pod`, {
    hint: `${nameRule}${lengthOf(text, longestName)}`,
  });
}

function ruleOf(longest: number): string {
  return `a lower-case letter, then up to ${longest - 1} letters, digits and hyphens`;
}

/** Where that is the reason, and not a letter. */
function lengthOf(text: unknown, longest: number): string {
  return typeof text === 'string' && text.length > longest ? `; it has ${text.length} characters` : '';
}
