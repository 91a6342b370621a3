export function header(): string;
export function build(): void;
