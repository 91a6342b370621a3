/** Path of the package that was written. */
export function pack(into?: string): string;
