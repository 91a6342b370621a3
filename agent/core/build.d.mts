export function compileCore(options?: {
  readonly traced?: boolean;
  readonly mutants?: boolean;
  readonly optimized?: boolean;
  readonly transforms?: readonly unknown[];
  readonly extraFiles?: Readonly<Record<string, string>>;
  readonly entry?: string;
}): Promise<Uint8Array>;
export function makeSuspendable(bytes: Uint8Array): Uint8Array;
export function writeGenerated(): void;
export function build(): Promise<void>;
