export interface Field {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly doc: string;
}
export interface Declarations {
  readonly classes: readonly {
    readonly name: string;
    readonly doc: string;
    readonly file: string;
    readonly sizeBytes: number;
    readonly fields: readonly Field[];
  }[];
  readonly constants: readonly {
    readonly name: string;
    readonly type: string;
    readonly doc: string;
    readonly file: string;
    readonly value: bigint;
  }[];
  readonly words: readonly { readonly name: string; readonly doc: string; readonly file: string; readonly picture: string }[];
  readonly codes: readonly { readonly name: string; readonly value: bigint; readonly doc: string }[];
  readonly crashPoints: readonly {
    readonly name: string;
    readonly number: number;
    readonly doc: string;
    readonly constant: string;
  }[];
  readonly layoutVersion: string;
}
export function readDeclarations(coreFolder: string): Declarations;
