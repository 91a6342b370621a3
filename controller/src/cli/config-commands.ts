import type { Command } from './command.ts';

export const configCommands: readonly Command[] = [
  (program, context) =>
    program
      .command('config')
      .description('what a topology means')
      .command('print')
      .description('a topology with every default said aloud, as a file that `up` takes')
      .argument('[topology]', 'its name, or the path of its file', 'two')
      .option('-n, --name <pod>', 'what to call the pod')
      .option('--json', 'as JSON, in base units')
      .action(
        context.action(async (nameOrPath: string, { name, json }: { readonly name?: string; readonly json?: boolean }) => {
          const { loadTopology } = await import('../config/load-topology.ts');
          const { printTopology } = await import('../config/print-topology.ts');
          const topology = loadTopology(nameOrPath, { name });
          context.out(json === true ? JSON.stringify(topology, null, 2) : printTopology(topology));
        }),
      ),
];
