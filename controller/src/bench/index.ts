/** Every figure, in the order of the table. */
import type { BenchItem } from './bench-item.ts';
import { crash, recovery } from './crash.ts';
import { demo, images } from './from-nothing.ts';
import { heap } from './heap.ts';
import { idle } from './idle.ts';
import { pingLocal, pingOnMachines } from './ping.ts';
import { report } from './report.ts';
import { calls } from './rpc.ts';
import { upDown } from './up-down.ts';

export const benchItems: readonly BenchItem[] = [
  upDown,
  images,
  demo,
  idle,
  pingLocal,
  calls,
  heap,
  report,
  pingOnMachines,
  recovery,
  crash,
];
