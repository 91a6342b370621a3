/** Judges a run: the checks that the scenario names, and those that no run goes without. */
import { createFaults } from '../faults/index.ts';
import type { Evidence, Judgement } from '../runs/evidence.ts';
import { type Check, unknown } from './check.ts';
import { everybodyRecovered } from './everybody-recovered.ts';
import { checks } from './index.ts';
import { onlyPlannedDeaths } from './only-planned-deaths.ts';
import { programSucceeded } from './program-succeeded.ts';

export interface Judged extends Judgement {
  readonly name: string;
  /** What must hold. */
  readonly claim: string;
}

export function judge(evidence: Evidence): Judged[] {
  const always = [...faultsFired(evidence), onlyPlannedDeaths, ...ofTheDead(evidence), ...ofPrograms(evidence)];
  const named = evidence.scenario.checks.flatMap((name) => checks.filter((check) => check.name === name));
  return [...new Set([...always, ...named])].map((check) => judgeOne(check, evidence));
}

/** A check that crashes has found out nothing. */
export function judgeOne(check: Check, evidence: Evidence): Judged {
  const { name, sentence: claim } = check;
  try {
    return { name, claim, ...check.check(evidence) };
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { name, claim, ...unknown(`The check itself failed: ${message.split('\n', 1)[0]}.`, { error: message }) };
  }
}

/** Always checked: a run whose fault never happened has tested nothing. */
function faultsFired({ scenario, faults }: Evidence): Check[] {
  return createFaults(scenario).map((fault, index, all) => ({
    name: all.length === 1 ? 'fault-fired' : `fault-fired-${index + 1}`,
    sentence: `${fault.sentence} was seen to happen.`,
    check: (evidence) => {
      const outcome = faults[index];
      return outcome === undefined ? unknown('Nothing is known of this fault.') : fault.fired(evidence, outcome);
    },
  }));
}

/** Always checked of a program of the user: that it failed is what whoever wrote it wants to know first. */
function ofPrograms({ scenario }: Evidence): Check[] {
  return scenario.workload.name === 'program' ? [programSucceeded] : [];
}

/** Always checked where somebody was suspected. */
function ofTheDead({ recoveries }: Evidence): Check[] {
  return recoveries.length === 0 ? [] : [everybodyRecovered];
}
