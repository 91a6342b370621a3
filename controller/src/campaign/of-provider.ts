/** The scenarios that one provider runs: those whose topology is its own. */
import type { LoadedScenario } from '../config/load-scenario.ts';
import { loadTopology } from '../config/load-topology.ts';
import { type Provider, providers } from '../config/providers.ts';
import { usageError } from '../errors/cxlpod-error.ts';

export interface OfProvider {
  readonly scenarios: readonly LoadedScenario[];
  /** What was left out, as a sentence; null: nothing. */
  readonly leftOut: string | null;
}

export function ofProvider(all: readonly LoadedScenario[], provider: Provider | undefined): OfProvider {
  if (provider === undefined) return { scenarios: all, leftOut: null };
  const scenarios = all.filter(({ scenario }) => loadTopology(scenario.topology).provider === provider);
  const count = all.length - scenarios.length;
  const others = providers.filter((each) => each !== provider);
  if (scenarios.length === 0) {
    throw usageError('NO_SCENARIO_OF_PROVIDER', `of ${all.length} scenarios none has a topology of provider ${provider}`, {
      hint: `--provider ${others.join(' or ')}, or all without it`,
    });
  }
  const are = count === 1 ? 'is left out: its topology is' : 'are left out: their topologies are';
  return {
    scenarios,
    leftOut: count === 0 ? null : `${count} of ${all.length} scenarios ${are} of provider ${others.join(', ')}`,
  };
}
