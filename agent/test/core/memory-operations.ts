/** Reads a compiled core and lists the memory operations of a function, calls included, in the order of the code. */
import binaryen from 'binaryen';

/** In the order of the numbers that agent/core/memory/traced.ts gives them. */
const kinds = [
  'load',
  'store',
  'swap',
  'add',
  'or',
  'writeBack',
  'storeFence',
  'invalidate',
  'fullFence',
  'storeThrough',
  'prefetch',
] as const;

/** WebAssembly has no instruction for these: the release build calls the host. */
const hostOperations: Readonly<Record<string, Operation>> = {
  'host.writeBack': { kind: 'writeBack', sizeBytes: 8, order: 'atomic' },
  'host.storeFence': { kind: 'storeFence', sizeBytes: 8, order: 'atomic' },
  'host.invalidate': { kind: 'invalidate', sizeBytes: 8, order: 'atomic' },
  'host.prefetch': { kind: 'prefetch', sizeBytes: 8, order: 'atomic' },
  'host.storeThrough': { kind: 'storeThrough', sizeBytes: 8, order: 'plain' },
  'host.fullFence': { kind: 'fullFence', sizeBytes: 8, order: 'atomic' },
};

export interface Operation {
  readonly kind: (typeof kinds)[number];
  readonly sizeBytes: number;
  readonly order: 'atomic' | 'plain';
}

export interface CompiledFunction {
  readonly name: string;
  /** '' for a function with a body. */
  readonly importedFrom: string;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
  readonly body: number;
}

export interface CompiledModule {
  readonly functions: ReadonlyMap<string, CompiledFunction>;
  /** Exported name -> function. */
  readonly exports: ReadonlyMap<string, CompiledFunction>;
  readonly exportsOfOtherKinds: readonly string[];
  readonly mutableGlobals: readonly string[];
  readonly dataSegments: number;
  readonly hasStart: boolean;
}

export function readModule(bytes: Uint8Array): CompiledModule {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const functions = new Map<string, CompiledFunction>();
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const info = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    functions.set(info.name, {
      name: info.name,
      importedFrom: info.module === '' ? '' : `${info.module}.${info.base}`,
      parameters: binaryen.expandType(info.params),
      results: binaryen.expandType(info.results),
      body: info.body,
    });
  }
  const exports = new Map<string, CompiledFunction>();
  const exportsOfOtherKinds: string[] = [];
  for (let index = 0; index < module.getNumExports(); index++) {
    const info = binaryen.getExportInfo(module.getExportByIndex(index));
    const target = functions.get(info.value);
    if (info.kind === binaryen.ExternalFunction && target !== undefined) exports.set(info.name, target);
    else exportsOfOtherKinds.push(info.name);
  }
  const mutableGlobals: string[] = [];
  for (let index = 0; index < module.getNumGlobals(); index++) {
    const info = binaryen.getGlobalInfo(module.getGlobalByIndex(index));
    if (info.mutable) mutableGlobals.push(info.name);
  }
  const text = module.emitText();
  return {
    functions,
    exports,
    exportsOfOtherKinds,
    mutableGlobals,
    dataSegments: text.match(/^ \(data /gm)?.length ?? 0,
    hasStart: /^ \(start /m.test(text),
  };
}

type Info = Record<string, unknown> & { readonly id: number };

function infoOf(expression: number): Info {
  return binaryen.getExpressionInfo(expression) as unknown as Info;
}

/** Every expression below `expression` in the order in which it is evaluated, itself last; loops and branches as written. */
export function* expressionsOf(expression: number): Generator<Info> {
  if (expression === 0) return;
  const info = infoOf(expression);
  for (const child of childrenOf(info)) yield* expressionsOf(child);
  yield info;
}

/** Fields that hold operands, in the order in which they are evaluated. */
const operandFields = [
  'condition',
  'ifTrue',
  'ifFalse',
  'children',
  'operands',
  'body',
  'left',
  'right',
  'ptr',
  'expected',
  'replacement',
  'value',
  'dest',
  'source',
  'size',
  'delta',
] as const;

function childrenOf(info: Info): number[] {
  const children: number[] = [];
  // A select evaluates its condition last, a conditional branch after its value; an if first.
  const lateCondition = info.id === binaryen.SelectId || info.id === binaryen.BreakId || info.id === binaryen.SwitchId;
  const fields = lateCondition ? [...operandFields.slice(1), operandFields[0]] : operandFields;
  for (const field of fields) {
    const value = info[field];
    if (field === 'value' && info.id === binaryen.ConstId) continue;
    if (Array.isArray(value)) children.push(...(value as number[]));
    else if (typeof value === 'number' && value !== 0) children.push(value);
  }
  return children;
}

/** `seen` guards against recursion; the core has none. */
export function operationsOf(module: CompiledModule, fn: CompiledFunction, seen: readonly string[] = []): readonly Operation[] {
  if (seen.includes(fn.name)) throw new Error(`${fn.name} calls itself`);
  // Walked once, however many functions call it.
  const known = walked.get(module) ?? new Map<string, readonly Operation[]>();
  walked.set(module, known);
  const operations = known.get(fn.name) ?? walk(module, fn, seen);
  known.set(fn.name, operations);
  return operations;
}

const walked = new WeakMap<CompiledModule, Map<string, readonly Operation[]>>();

function walk(module: CompiledModule, fn: CompiledFunction, seen: readonly string[]): Operation[] {
  const operations: Operation[] = [];
  for (const info of expressionsOf(fn.body)) {
    const operation = operationOf(info);
    if (operation !== undefined) operations.push(operation);
    if (info.id !== binaryen.CallId) continue;
    const target = module.functions.get(info.target as string)!;
    const hosted = hostOperations[target.importedFrom];
    if (hosted !== undefined) operations.push(hosted);
    else if (target.importedFrom === 'simulator.access') operations.push(tracedOperation((info.operands as number[])[0]!));
    else if (target.importedFrom === '')
      for (const each of operationsOf(module, target, [...seen, fn.name])) operations.push(each);
  }
  return operations;
}

/** A memory instruction. */
export function operationOf(info: Info): Operation | undefined {
  if (info.id === binaryen.LoadId || info.id === binaryen.StoreId) {
    const kind = info.id === binaryen.LoadId ? 'load' : 'store';
    return { kind, sizeBytes: info.bytes as number, order: info.isAtomic === true ? 'atomic' : 'plain' };
  }
  if (info.id === binaryen.AtomicCmpxchgId) return { kind: 'swap', sizeBytes: info.bytes as number, order: 'atomic' };
  if (info.id === binaryen.AtomicRMWId) {
    return { kind: fetchAndKind(info.op as number), sizeBytes: info.bytes as number, order: 'atomic' };
  }
  return undefined;
}

function fetchAndKind(op: number): 'add' | 'or' {
  if (op === binaryen.AtomicRMWAdd) return 'add';
  if (op === binaryen.AtomicRMWOr) return 'or';
  throw new Error(`the door has no read-modify-write ${op}`);
}

/** The first argument of `simulator.access`, as agent/core/memory/traced.ts packs it; private accesses count as plain. */
function tracedOperation(what: number): Operation {
  const info = infoOf(what);
  if (info.id !== binaryen.ConstId) throw new Error('an access does not say what it is by a constant');
  const value = info.value as number;
  return {
    kind: kinds[value & 15]!,
    sizeBytes: (value >> 4) & 15,
    order: value >> 8 === 1 ? 'atomic' : 'plain',
  };
}
