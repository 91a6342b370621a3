/** What writers and readers do in the schedules: every call in the history, whose tickets are the order that the judge goes by. */
import { operations, outcomes } from '../../../src/history/record.ts';
import { kvArgument, versionLimit } from '../../../src/kv/linearize/read-operations.ts';
import { codes } from '../../../src/layout/index.ts';
import { call, type Program } from '../simulator.ts';
import { isValue, type Participant, put, type Steps } from './kv-world.ts';

export type Act =
  | { readonly act: 'put' | 'delete'; readonly key: number; readonly version: number }
  | { readonly act: 'get'; readonly key: number };

export interface Playing {
  /** Bytes of values are written and looked at: not where states are compared, for they are no part of them. */
  readonly withBytes?: boolean;
  readonly writesLate?: boolean;
  note?(problem: string): void;
}

export function* playing(who: Participant, acts: readonly Act[], how: Playing = {}): Program {
  for (const [number, act] of acts.entries()) {
    const operation = operations[`kv-${act.act}`];
    const argument = kvArgument(act.key, act.act === 'get' ? 0 : act.version);
    yield call('recordInvoke', operation, number, 0, argument % 2 ** 32, Math.floor(argument / 2 ** 32));
    let outcome: number = outcomes.ok;
    let result = 0;
    if (act.act === 'get') result = yield* getting(who, act.key, how);
    else {
      const code =
        act.act === 'put'
          ? yield* put(who, act.key, act.version, { writesLate: how.writesLate === true, writesNothing: how.withBytes !== true })
          : yield call('kvDelete', who.store, act.key, 0);
      if (code !== codes.OK && code !== codes.ALREADY && code !== codes.NOT_FOUND) {
        how.note?.(`${act.act} of key ${act.key} answered ${code}`);
        outcome = outcomes.refused;
      }
    }
    yield call('recordEnd', operation, number, 0, outcome, result, 0);
  }
}

/** The version that was seen. What is looked at stays what it is until it is released. */
function* getting(who: Participant, key: number, how: Playing): Steps<number> {
  const node = (yield call('kvGet', who.store, key, 0)) >>> 0;
  if (node < codes.CODE_LIMIT) {
    if (node !== codes.NOT_FOUND) how.note?.(`get of key ${key} answered ${node}`);
    return 0;
  }
  let version = 0;
  for (let look = 0; look < 2; look++) {
    const seen = yield call('kvValueBytes', node);
    if (how.withBytes === true && !isValue(who, node, key, seen)) {
      how.note?.(`the value of key ${key}, version ${seen}, has other bytes at look ${look}`);
    }
    if (look > 0 && seen !== version) how.note?.(`the node of key ${key} changed from version ${version} to ${seen}`);
    version = seen;
  }
  yield call('kvRelease');
  return version % versionLimit;
}
