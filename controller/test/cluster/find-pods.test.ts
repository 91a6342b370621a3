import { expect, test } from 'vitest';
import { describeElsewhere } from '../../src/cluster/find-pods.ts';

test('the command that removes a pod of another state folder takes a folder with a space as one word', () => {
  const told = describeElsewhere({ pod: 'two', stateFolder: '/home/me/my state' });

  expect(told).toContain("XDG_STATE_HOME='/home/me/my state' cxlpod down --name two");
});
