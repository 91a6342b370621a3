/** Every check that a scenario can name, and those that are always made. */
import { answeredAfterRestart } from './answered-after-restart.ts';
import { atMostOnce } from './at-most-once.ts';
import type { Check } from './check.ts';
import { everyRoundMeasured } from './every-round-measured.ts';
import { exactCounts } from './exact-counts.ts';
import { forgeriesRefused } from './forgeries-refused.ts';
import { historyWhole } from './history-whole.ts';
import { noDanglingReference } from './no-dangling-reference.ts';
import { noLeak } from './no-leak.ts';
import { outcomeUnknownTyped } from './outcome-unknown-typed.ts';
import { poolSound } from './pool-sound.ts';
import { survivorsProgress } from './survivors-progress.ts';
import { toldInTime } from './told-in-time.ts';

export const checks: readonly Check[] = [
  answeredAfterRestart,
  atMostOnce,
  everyRoundMeasured,
  exactCounts,
  forgeriesRefused,
  historyWhole,
  noDanglingReference,
  noLeak,
  outcomeUnknownTyped,
  poolSound,
  survivorsProgress,
  toldInTime,
];

export const checkNames: readonly string[] = checks.map(({ name }) => name);
