import { expect, test } from 'vitest';
import { poisonIn } from '../../src/faults/media-error.ts';

test('poison is read from the trace of the kernel, once however often it was listed', () => {
  const line = (dpa: string) =>
    `sh-300 [000] ..... 41.3: cxl_poison: memdev=mem0 host=0000:0d:00.0 serial=3249405953 trace_type=List region=region0 ` +
    `region_uuid=00000000-0000-0000-0000-000000000000 hpa=0x290000000 hpa_alias0=0xffffffffffffffff dpa=${dpa} dpa_length=0x40 source=Injected flags= overflow_time=0`;
  const other = 'sh-300 [000] ..... 41.2: cxl_dram: memdev=mem0 dpa=80 dpa_flags=';

  expect(poisonIn([other, line('0x0'), line('0x40'), line('0x0'), ''].join('\n'))).toEqual([
    { offset: 0, length: 64 },
    { offset: 64, length: 64 },
  ]);
  expect(poisonIn(other)).toEqual([]);
});
