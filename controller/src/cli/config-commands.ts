import { quoteCommand } from '../ssh/quote.ts';
import type { Command } from './command.ts';
import { ownCommand } from './own-command.ts';

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
  (program, context) =>
    program
      .command('init')
      .description('a folder with a program of your own and its scenario, to begin with')
      .argument('<folder>', 'its name is the name of the scenario')
      .option('--json', 'what was written, as JSON')
      .action(
        context.action(async (folder: string, { json }: { readonly json?: boolean }) => {
          const { initProgram } = await import('../config/init-program.ts');
          const made = initProgram(folder);
          if (json === true) return context.out(JSON.stringify(made));
          context.out(`${made.folder}: ${made.files.join(', ')}`);
          context.say(`next: ${quoteCommand(['cd', folder])} && ${ownCommand(made.folder)} run --up scenario.yaml`);
        }),
      ),
];
