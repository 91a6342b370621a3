import { Argument } from 'commander';
import type { Command } from './command.ts';
import { type KnownValues, type Shell, shells } from './completion.ts';

export const completionCommands: readonly Command[] = [
  (program, context) =>
    program
      .command('completion')
      .description('a script that completes verbs, options, pods and scenarios: source <(cxlpod completion bash)')
      .addArgument(new Argument('<shell>', 'whose script').choices(shells))
      .option('--json', 'the verbs as JSON, instead of a script')
      .action(
        context.action(async (shell: Shell, { json }: { readonly json?: boolean }) => {
          const { completionScript, optionsOf, verbsOf } = await import('./completion.ts');
          const known = await knownValues();
          const verbs = verbsOf(program, known);
          if (json === true) return context.out(JSON.stringify(verbs, null, 2));
          context.out(completionScript(shell, verbs, optionsOf(program, known)));
        }),
      ),
];

async function knownValues(): Promise<KnownValues> {
  const { builtInScenarios, builtInScenarioFolders } = await import('../config/load-scenario.ts');
  const { builtInTopologies } = await import('../config/load-topology.ts');
  const { machineLogs } = await import('../provider/provider.ts');
  const { benchNames } = await import('../bench/bench-command.ts');
  const { fencePolicies } = await import('../recovery/outcome.ts');
  return {
    pod: { kind: 'pods' },
    run: { kind: 'runs' },
    machine: { kind: 'none' },
    number: { kind: 'none' },
    seconds: { kind: 'none' },
    scenarios: { kind: 'words', words: [...builtInScenarioFolders(), ...builtInScenarios().keys()] },
    topology: { kind: 'words', words: builtInTopologies() },
    log: { kind: 'words', words: machineLogs },
    policy: { kind: 'words', words: fencePolicies },
    figures: { kind: 'words', words: benchNames() },
  };
}
