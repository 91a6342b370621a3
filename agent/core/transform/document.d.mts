export function documents(): Readonly<Record<'shared-memory.md' | 'crash-points.md', string>>;
