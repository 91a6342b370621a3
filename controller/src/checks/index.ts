/** Every check that a scenario can name, and those that are always made. */
import { answeredAfterRestart } from './answered-after-restart.ts';
import { atMostOnce } from './at-most-once.ts';
import type { Check } from './check.ts';
import { controlsFail } from './controls-fail.ts';
import { everyRoundMeasured } from './every-round-measured.ts';
import { exactCounts } from './exact-counts.ts';
import { fencedStaySilent } from './fenced-stay-silent.ts';
import { finerGrained } from './finer-grained.ts';
import { forgeriesRefused } from './forgeries-refused.ts';
import { handOverExactlyOnce } from './hand-over-exactly-once.ts';
import { heapGoesOn } from './heap-goes-on.ts';
import { historyWhole } from './history-whole.ts';
import { linearizable } from './linearizable.ts';
import { lockBlocksSurvivors } from './lock-blocks-survivors.ts';
import { migratesByMetadata } from './migrates-by-metadata.ts';
import { noCallFailed } from './no-call-failed.ts';
import { noDanglingReference } from './no-dangling-reference.ts';
import { noLeak } from './no-leak.ts';
import { nobodyFenced } from './nobody-fenced.ts';
import { nothingLeftBehind } from './nothing-left-behind.ts';
import { outcomeUnknownTyped } from './outcome-unknown-typed.ts';
import { passesByReference } from './passes-by-reference.ts';
import { poolSound } from './pool-sound.ts';
import { programSucceeded } from './program-succeeded.ts';
import { queueExactlyOnce } from './queue-exactly-once.ts';
import { recoveredInTime } from './recovered-in-time.ts';
import { resultsChecked } from './results-checked.ts';
import { sharingNeedsLess } from './sharing-needs-less.ts';
import { survivorsProgress } from './survivors-progress.ts';
import { toldInTime } from './told-in-time.ts';
import { wholeAfterAllStopped } from './whole-after-all-stopped.ts';

export const checks: readonly Check[] = [
  answeredAfterRestart,
  atMostOnce,
  controlsFail,
  everyRoundMeasured,
  exactCounts,
  fencedStaySilent,
  finerGrained,
  forgeriesRefused,
  handOverExactlyOnce,
  heapGoesOn,
  historyWhole,
  linearizable,
  lockBlocksSurvivors,
  migratesByMetadata,
  noCallFailed,
  noDanglingReference,
  noLeak,
  nobodyFenced,
  nothingLeftBehind,
  outcomeUnknownTyped,
  passesByReference,
  poolSound,
  programSucceeded,
  queueExactlyOnce,
  recoveredInTime,
  resultsChecked,
  sharingNeedsLess,
  survivorsProgress,
  toldInTime,
  wholeAfterAllStopped,
];

export const checkNames: readonly string[] = checks.map(({ name }) => name);
