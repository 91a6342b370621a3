/** Figures as people read them: three digits and a unit. */

export function showNs(ns: number): string {
  if (!Number.isFinite(ns)) return '–';
  const size = Math.abs(ns);
  if (size < 999.5) return `${digits(ns)} ns`;
  if (size < 999.5e3) return `${digits(ns / 1e3)} µs`;
  if (size < 999.5e6) return `${digits(ns / 1e6)} ms`;
  return `${digits(ns / 1e9)} s`;
}

export function showRatio(ratio: number): string {
  return `${ratio >= 100 ? Math.round(ratio).toLocaleString('en-US') : digits(ratio)}×`;
}

export function showCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = bytes <= 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${digits(bytes / 1024 ** step)} ${units[step]}`;
}

/** A value of an axis. */
export function showByUnit(value: number, unit: 'ns' | 'bytes' | 'perSecond' | 'percent' | 'count' | 'ratio'): string {
  switch (unit) {
    case 'ns':
      return showNs(value).replace(/\.0+(?= )/, '');
    case 'bytes':
      return showBytes(value).replace(/\.0+(?= )/, '');
    case 'perSecond':
      return `${short(value)}/s`;
    case 'percent':
      return `${short(value)} %`;
    case 'ratio':
      return `${short(value)}×`;
    case 'count':
      return short(value);
  }
}

/** 1200000 as 1.2 M. */
function short(value: number): string {
  const size = Math.abs(value);
  const [unit, factor] = size >= 999.5e3 ? ([' M', 1e6] as const) : size >= 9_995 ? ([' k', 1e3] as const) : (['', 1] as const);
  const scaled = value / factor;
  return `${Number.isInteger(scaled) ? showCount(scaled) : digits(scaled)}${unit}`;
}

export function digits(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
