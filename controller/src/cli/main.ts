#!/usr/bin/env node
/** `cxlpod`: parses the command line, runs one verb, ends with its exit code (design.md §5). */
import { CommanderError, Command as Program } from 'commander';
import { controllerVersion } from '../config/version.ts';
import { exitCodes } from '../errors/cxlpod-error.ts';
import { commands as runCommands } from '../runs/commands.ts';
import { completionCommands } from './completion-commands.ts';
import { configCommands } from './config-commands.ts';
import { makeContext } from './context.ts';
import { doctorCommands } from './doctor-commands.ts';
import { machineCommands } from './machine-commands.ts';
import { podCommands } from './pod-commands.ts';

async function main(): Promise<number> {
  const program = new Program('cxlpod');
  const context = makeContext(() => program.opts<{ quiet?: boolean }>().quiet === true);
  program
    .description('Boots a pod: machines that share one CXL memory. Runs programs on it, breaks it, says whether they survived.')
    .version(controllerVersion())
    .option('-q, --quiet', 'say nothing on standard error but errors')
    .exitOverride()
    .showHelpAfterError('cxlpod --help lists the verbs and their options')
    .addHelpText('after', '\nExit codes: 0 valid, 1 invalid, 2 usage, 3 environment or harness, 4 unknown, 130 interrupted.');
  for (const add of [
    ...podCommands,
    ...runCommands,
    ...machineCommands,
    ...doctorCommands,
    ...configCommands,
    ...completionCommands,
  ]) {
    add(program, context);
  }
  try {
    await program.parseAsync();
    return context.exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.valid : exitCodes.usage;
    throw error;
  }
}

// Connections that nobody closed must not keep a finished command alive.
process.exit(await main());
