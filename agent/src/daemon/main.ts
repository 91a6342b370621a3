/**
 * The agent of a machine: `node agent.mjs --socket PATH --folder DIR --log FILE [--machine NAME] [--cgroup DIR]`.
 * Answers on a unix socket, outlives every channel to it, and starts, watches and fences workers.
 */
import { AgentError, describeError } from '../protocol/agent-error.ts';
import { Agent } from './agent.ts';
import { readCommandLine } from './command-line.ts';
import { LogFile } from './log-file.ts';

async function main(): Promise<void> {
  const options = readCommandLine(process.argv.slice(2));
  const log = LogFile.open(options.logFile);
  let agent: Agent;
  try {
    agent = await Agent.start(options, log);
  } catch (error) {
    log.write('error', `the agent cannot start\n${describeError(error)}`);
    throw error;
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.write('info', `${signal}: ending`);
      void agent.shutdown();
    });
  }
  // A terminal or an ssh session that ends is no reason to end.
  process.on('SIGHUP', () => {});
  // Workers that are at a task end it, and leave; the next agent adopts them.
  process.on('uncaughtException', (error) => {
    log.write('error', `the agent fails\n${describeError(error)}`);
    process.exit(1);
  });
  await agent.ended;
  process.exit(0);
}

main().catch((error: unknown) => {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof AgentError && error.code === 'USAGE' ? 2 : 3;
});
