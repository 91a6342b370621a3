/**
 * Reads values that came over a wire: each reader returns its value typed, or throws a `ShapeError` that names the place.
 * Written by hand, because the agent bundle has no run-time dependency.
 */
export type Reader<T> = (value: unknown, place: string) => T;

export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

export function integer(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, place) => {
    if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return value as number;
    throw new ShapeError(`${place} must be an integer from ${minimum} to ${maximum}, not ${show(value)}`);
  };
}

export const number: Reader<number> = (value, place) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ShapeError(`${place} must be a finite number, not ${show(value)}`);
};

export const boolean: Reader<boolean> = (value, place) => {
  if (typeof value === 'boolean') return value;
  throw new ShapeError(`${place} must be true or false, not ${show(value)}`);
};

export function text(options: { readonly maximum?: number; readonly pattern?: RegExp } = {}): Reader<string> {
  const maximum = options.maximum ?? 4096;
  return (value, place) => {
    if (typeof value !== 'string' || value.length > maximum) {
      throw new ShapeError(`${place} must be a string of at most ${maximum} characters, not ${show(value)}`);
    }
    if (options.pattern !== undefined && !options.pattern.test(value)) {
      throw new ShapeError(`${place} must match ${options.pattern.source}, not ${show(value)}`);
    }
    return value;
  };
}

/** A name of a machine, worker, service or task: it becomes part of paths, so it has no slash and no leading dot. */
export const name: Reader<string> = text({ maximum: 64, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/ });

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): Reader<Choice> {
  return (value, place) => {
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw new ShapeError(`${place} must be one of ${choices.join(', ')}, not ${show(value)}`);
  };
}

export const anything: Reader<unknown> = (value) => value;

export function listOf<T>(element: Reader<T>, maximum: number): Reader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length > maximum) {
      throw new ShapeError(`${place} must be a list of at most ${maximum}, not ${show(value)}`);
    }
    return value.map((item, index) => element(item, `${place}[${index}]`));
  };
}

export function recordOf<T>(element: Reader<T>, maximum: number): Reader<Readonly<Record<string, T>>> {
  return (value, place) => {
    const entries = Object.entries(plainObject(value, place));
    if (entries.length > maximum) throw new ShapeError(`${place} must have at most ${maximum} entries`);
    return Object.fromEntries(entries.map(([key, item]) => [key, element(item, `${place}.${key}`)]));
  };
}

export function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, place) => (value === null ? null : reader(value, place));
}

/** An object with exactly these keys; an optional one may be absent. A key that is not known is refused, since it was meant. */
export function object<T>(
  required: { readonly [Key in RequiredKeys<T>]: Reader<T[Key]> },
  ...rest: OptionalKeys<T> extends never ? [] : [optional: { readonly [Key in OptionalKeys<T>]: Reader<NonNullable<T[Key]>> }]
): Reader<T> {
  const optional = (rest[0] ?? {}) as Record<string, Reader<unknown>>;
  const readers = required as Record<string, Reader<unknown>>;
  return (value, place) => {
    const source = plainObject(value, place);
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(source)) {
      if (!Object.hasOwn(readers, key) && !Object.hasOwn(optional, key)) throw new ShapeError(`${place}.${key} is not known`);
    }
    for (const [key, reader] of Object.entries(readers)) {
      if (!Object.hasOwn(source, key)) throw new ShapeError(`${place}.${key} is missing`);
      result[key] = reader(source[key], `${place}.${key}`);
    }
    for (const [key, reader] of Object.entries(optional)) {
      if (source[key] !== undefined) result[key] = reader(source[key], `${place}.${key}`);
    }
    return result as T;
  };
}

type OptionalKeys<T> = { [Key in keyof T]-?: object extends Pick<T, Key> ? Key : never }[keyof T];
type RequiredKeys<T> = Exclude<keyof T, OptionalKeys<T>>;

function plainObject(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ShapeError(`${place} must be an object, not ${show(value)}`);
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 60)}...` : shown;
}
