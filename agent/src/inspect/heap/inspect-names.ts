import { constants, layout } from '../../layout/index.ts';
import { wordAt } from '../packed-words.ts';
import type { HeapShape } from './shape.ts';

export interface InspectedName {
  readonly name: string;
  /** Offset of what it holds; 0 for nothing. */
  readonly object: number;
  /** Who is changing it. */
  readonly owner: number | null;
}

/** Every name that was ever registered. */
export function readNames(view: DataView, shape: HeapShape): readonly InspectedName[] {
  const names: InspectedName[] = [];
  const { NamedRoot } = layout;
  for (let index = 0; index < shape.nameCount; index++) {
    const at = shape.namesOffset + index * constants.NAMED_ROOT_BYTES;
    const length = wordAt(view, at + NamedRoot.nameBytes.offset);
    if (length === 0) continue;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + 64, Math.min(length, constants.NAME_LIMIT_BYTES));
    const owner = view.getUint32(at + NamedRoot.owner.offset, true) & 0x3ff;
    names.push({
      name: new TextDecoder().decode(bytes.slice()),
      object: wordAt(view, at + NamedRoot.slot.offset),
      owner: owner === 0 ? null : owner - 1,
    });
  }
  return names;
}
