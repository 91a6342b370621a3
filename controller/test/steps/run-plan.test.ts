import { describe, expect, test } from 'vitest';
import { CxlpodError, environmentError, exitCodes } from '../../src/errors/cxlpod-error.ts';
import { runPlan } from '../../src/steps/run-plan.ts';
import { showLines } from '../../src/steps/show-lines.ts';
import type { Plan, Step, StepContext } from '../../src/steps/step.ts';

/** Steps that write down what happens to them. */
function recorder() {
  const events: string[] = [];
  const step = (name: string, run: (context: StepContext) => Promise<void> = async () => {}, deadlineMs = 60_000): Step => ({
    name,
    deadlineMs,
    async run(context) {
      events.push(`run ${name}`);
      await run(context);
    },
    async undo() {
      events.push(`undo ${name}`);
    },
  });
  return { events, step };
}

const untilAborted = ({ signal }: StepContext): Promise<void> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(new Error('told to stop'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });

async function failureOf(plan: Plan, signal = new AbortController().signal): Promise<{ error: CxlpodError; lines: string[] }> {
  const lines: string[] = [];
  const run = runPlan(plan, { signal, observer: showLines((line) => lines.push(line)), what: 'up two' });
  const error = await run.then(
    () => new Error('the plan did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CxlpodError)) throw error;
  return { error, lines };
}

describe('a plan', () => {
  test('runs its steps in order and undoes nothing when all is well', async () => {
    const { events, step } = recorder();

    await runPlan([step('a'), step('b')], { signal: new AbortController().signal, observer: showLines(() => {}), what: 'x' });

    expect(events).toEqual(['run a', 'run b']);
  });

  test('that fails is undone in reverse, the failed step first, and the first failure is thrown', async () => {
    const { events, step } = recorder();
    const broken = step('c', async () => {
      throw environmentError('BROKEN', 'c is broken');
    });

    const { error } = await failureOf([step('a'), step('b'), broken, step('d')]);

    expect(error.code).toBe('BROKEN');
    expect(events).toEqual(['run a', 'run b', 'run c', 'undo c', 'undo b', 'undo a']);
  });

  test('goes on undoing when taking one step back fails, and still throws the first failure', async () => {
    const { events, step } = recorder();
    const stubborn: Step = {
      ...step('b'),
      async undo() {
        throw new Error('stuck');
      },
    };
    const broken = step('c', async () => {
      throw environmentError('BROKEN', 'c is broken');
    });

    const { error, lines } = await failureOf([step('a'), stubborn, broken]);

    expect(error.code).toBe('BROKEN');
    expect(events.at(-1)).toBe('undo a');
    expect(lines.join('\n')).toContain('undo b failed: stuck');
  });

  test('stops the lanes beside a failed one, and undoes them all', async () => {
    const { events, step } = recorder();
    const broken = step('boot vm2', async () => {
      throw environmentError('PANIC', 'vm2 panicked');
    });

    const { error, lines } = await failureOf([
      step('network'),
      {
        name: 'machines',
        together: [
          { name: 'vm1', steps: [step('boot vm1', untilAborted), step('agent vm1')] },
          { name: 'vm2', steps: [broken] },
        ],
      },
    ]);

    expect(error.code).toBe('PANIC');
    expect(lines.join('\n')).toContain('vm1: boot vm1: stopped, since the one beside it failed');
    expect(events).toEqual(['run network', 'run boot vm1', 'run boot vm2', 'undo boot vm2', 'undo boot vm1', 'undo network']);
  });

  test('says which step was late and what it saw last', async () => {
    const { events, step } = recorder();
    const late = step(
      'boot',
      async (context) => {
        context.note('waiting for the kernel');
        await untilAborted(context);
      },
      10,
    );

    const { error } = await failureOf([late]);

    expect(error).toMatchObject({ code: 'DEADLINE', message: 'boot did not end within 0.01 s', exitCode: exitCodes.environment });
    expect(String(error.cause)).toContain('waiting for the kernel');
    expect(events).toEqual(['run boot', 'undo boot']);
  });

  test.each(['a', 'b', 'c'])('interrupted during %s is undone from there and ends with exit code 130', async (at) => {
    const { events, step } = recorder();
    const operator = new AbortController();
    const interruptAt = (name: string) =>
      step(name, async (context) => {
        if (name !== at) return;
        operator.abort();
        await untilAborted(context);
      });

    const { error } = await failureOf([interruptAt('a'), interruptAt('b'), interruptAt('c')], operator.signal);

    expect(error).toMatchObject({ code: 'INTERRUPTED', message: 'up two was interrupted', exitCode: exitCodes.interrupted });
    const reached = ['a', 'b', 'c'].slice(0, ['a', 'b', 'c'].indexOf(at) + 1);
    expect(events).toEqual([...reached.map((name) => `run ${name}`), ...reached.reverse().map((name) => `undo ${name}`)]);
  });

  test('interrupted between steps starts no other step', async () => {
    const { events, step } = recorder();
    const operator = new AbortController();
    const interrupting = step('a', async () => {
      setImmediate(() => operator.abort());
    });
    const afterwards = step('b', async () => new Promise((resolve) => setImmediate(resolve)));

    await failureOf([interrupting, afterwards, step('c')], operator.signal);

    expect(events).not.toContain('run c');
    expect(events.at(-1)).toBe('undo a');
  });
});
