import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitCodes } from '../../src/errors/cxlpod-error.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';

describe('a run folder', () => {
  const at = new Date('2026-03-04T05:06:07.890Z');
  let runs: string;
  beforeEach(() => {
    runs = mkdtempSync(join(tmpdir(), 'cxlpod-runs-'));
  });
  afterEach(() => rmSync(runs, { recursive: true }));

  test('is called after its time and scenario, and is the latest', () => {
    const folder = RunFolder.create(runs, 'ping', at);

    expect(folder.path).toBe(join(runs, '20260304T050607Z-ping'));
    expect(readlinkSync(join(runs, 'latest'))).toBe('20260304T050607Z-ping');
    expect(RunFolder.open(runs, undefined).path).toBe(folder.path);
  });

  test('that is named by the link to the newest stays the same when a newer one is made', () => {
    const folder = RunFolder.create(runs, 'ping', at);
    const named = RunFolder.open(runs, join(runs, 'latest'));
    RunFolder.create(runs, 'replay', at);

    expect(named.path).toBe(folder.path);
  });

  test('of a second run in the same second is another folder, and leaves no temporary link', () => {
    RunFolder.create(runs, 'ping', at);
    RunFolder.create(runs, 'ping', at);

    expect(readdirSync(runs).sort()).toEqual(['20260304T050607Z-ping', '20260304T050607Z-ping-2', 'latest']);
    expect(readlinkSync(join(runs, 'latest'))).toBe('20260304T050607Z-ping-2');
  });

  test('makes the folders that a file needs', () => {
    const folder = RunFolder.create(runs, 'ping', at);
    folder.writeJson('machines/vm1/status.json', { alive: true });

    expect(JSON.parse(readFileSync(folder.join('machines/vm1/status.json'), 'utf8'))).toEqual({ alive: true });
  });

  test('on a full disk says so, with what to do, and exits 3', () => {
    const folder = RunFolder.create(runs, 'ping', at);
    symlinkSync('/dev/full', folder.join('run.json'));

    expect(() => folder.writeJson('run.json', { verdict: 'valid' })).toThrow(
      expect.objectContaining({
        code: 'RUN_FOLDER_FULL',
        exitCode: exitCodes.environment,
        hint: expect.stringContaining('unharmed'),
      }),
    );
  });

  test('that cannot be made is found out before, and leaves nothing where it can', () => {
    expect(() => RunFolder.requireWritable('/sys')).toThrow(expect.objectContaining({ code: 'RUN_FOLDER_UNWRITABLE' }));

    RunFolder.requireWritable(join(runs, 'new'));
    expect(readdirSync(join(runs, 'new'))).toEqual([]);
  });

  test('cannot be made where a file is', () => {
    const file = join(runs, 'file');
    writeFileSync(file, '');

    for (const folder of [file, join(file, 'runs')]) {
      expect(() => RunFolder.create(folder, 'ping', at)).toThrow(
        expect.objectContaining({ code: 'RUN_FOLDER_UNWRITABLE', exitCode: exitCodes.environment }),
      );
    }
  });

  test('that was never made is a usage error with the command that makes one', () => {
    expect(() => RunFolder.open(runs, undefined)).toThrow(expect.objectContaining({ code: 'NO_RUN', exitCode: exitCodes.usage }));
  });
});
