import { stringify } from 'yaml';
import { z } from 'zod';
import { type Scenario, scenarioSchema } from './scenario.ts';

/** The scenario as a file that says every value aloud; reading it back gives the same scenario. */
export function printScenario(scenario: Scenario): string {
  return stringify(z.encode(scenarioSchema, scenario));
}
