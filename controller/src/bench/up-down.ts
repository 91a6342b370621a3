import { medianOf, spreadOf } from '../workload/compare.ts';
import { type BenchFigure, type BenchItem, figure } from './bench-item.ts';
import { type Cycle, cycle } from './on-pod.ts';

const plans = [
  { topology: 'two', machines: 'two', times: 5, bar: 20 },
  { topology: 'three', machines: 'three', times: 3, bar: 30 },
] as const;
const downBarS = 3;

export const upDown: BenchItem = {
  names: ['up', 'down'],
  sentence: 'bringing a pod up until the gate has passed, images built; and removing it',
  onlyWhenNamed: false,
  async measure(context) {
    const figures: BenchFigure[] = [];
    const downs: Cycle[] = [];
    for (const { topology, machines, times, bar } of plans) {
      const cycles: Cycle[] = [];
      for (let time = 1; time <= times; time++) {
        context.say(`bench up: ${machines} machines, ${time} of ${times}`);
        cycles.push(await cycle(topology, context));
      }
      downs.push(...cycles);
      const name = `cluster-up, ${machines} machines to gate passed`;
      figures.push(
        timed(
          name,
          cycles.map(({ upS }) => upS),
          { bar, accelerator: cycles[0]!.accelerator },
        ),
      );
    }
    figures.push(
      timed(
        'cluster-down',
        downs.map(({ downS }) => downS),
        { bar: downBarS, accelerator: downs[0]!.accelerator },
      ),
    );
    return figures;
  },
};

function timed(
  name: string,
  seconds: readonly number[],
  { bar, accelerator }: { bar: number; accelerator: string },
): BenchFigure {
  const { low, high } = spreadOf(seconds);
  const spread = `median of ${seconds.length}, ${low.toFixed(1)} to ${high.toFixed(1)}`;
  return figure({ name, value: medianOf(seconds), unit: 's', bar, spread, provider: 'qemu', accelerator });
}
