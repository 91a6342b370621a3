/** Completion, as a shell of the user's makes use of it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
let script: string;
beforeAll(async () => {
  bench = new Bench();
  script = join(bench.folder, 'completion.bash');
  writeFileSync(script, (await bench.mustRun(['completion', 'bash'])).stdout);
});
afterAll(() => bench.clear());

/** What bash offers for the last word. */
function completed(...words: string[]): string[] {
  const program = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $(complete -p cxlpod | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', 'cxlpod', ...words], {
    cwd: bench.folder,
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: join(bench.folder, 'state') },
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  test('offers verbs, and those that fit what is written', () => {
    expect(completed('')).toEqual(expect.arrayContaining(['up', 'run', 'campaign', 'completion', '--quiet']));
    expect(completed('ca')).toEqual(['campaign']);
    expect(completed('config', '')).toEqual(['print']);
  });

  test('offers the options of a verb, and of all', () => {
    expect(completed('run', '--')).toEqual(expect.arrayContaining(['--up', '--seed', '--name', '--quiet', '--help']));
    expect(completed('--quiet', 'down', '--a')).toEqual(['--all']);
  });

  test('offers scenarios, their folders, topologies, shells, logs', () => {
    expect(completed('run', 'cra')).toContain('crash');
    expect(completed('campaign', 'dies-attach-after-com')).toEqual(['dies-attach-after-commit']);
    expect(completed('up', 'loc')).toEqual(['local', 'local-later']);
    expect(completed('completion', 'z')).toEqual(['zsh']);
    expect(completed('logs', '--log', 'age')).toEqual(['agent']);
  });

  test('offers pods and folders of runs as they are now', () => {
    mkdirSync(join(bench.folder, 'state', 'cxlpod', 'mine'), { recursive: true });
    mkdirSync(join(bench.folder, '.runs', 'first-run'), { recursive: true });
    expect(completed('status', '--name', '')).toEqual(['mine']);
    expect(completed('run', '-n', 'm')).toEqual(['mine']);
    expect(completed('replay', '')).toEqual(['.runs/first-run']);
  });
});

test('fish and zsh get scripts of their own, and another shell is refused', async () => {
  const fish = await bench.mustRun(['completion', 'fish']);
  expect(fish.stdout).toContain('complete -c cxlpod -n __fish_use_subcommand -a campaign');
  expect(fish.stdout).toMatch(/__fish_seen_subcommand_from run' -l seed -r/);
  const zsh = await bench.mustRun(['completion', 'zsh']);
  expect(zsh.stdout).toMatch(/^#compdef cxlpod\n/);
  const refused = await bench.run(['completion', 'csh']);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain('bash, zsh, fish');
});
