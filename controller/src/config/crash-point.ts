/** A crash point's name, checked against the catalogue of the core that is deployed. */
import { crashPoints, programPointPattern } from '@cxlpod/agent/crash-points';
import { z } from 'zod';
import { nearest } from '../errors/nearest.ts';

const crashPointNames = crashPoints.map(({ name }) => name);

export const crashPoint = z.string().superRefine((point, context) => {
  if (crashPointNames.includes(point) || programPointPattern.test(point)) return;
  const suggestion = nearest(point, crashPointNames);
  const hint = suggestion === null ? 'docs/crash-points.md lists them' : `did you mean ${suggestion}?`;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(point)} is not a crash point (${hint})` });
});
