/** Changes what a header says without writing a file: rules look at nothing but these parts. */
import type { GgmlType } from '../../src/gguf/ggml-types.ts';
import type { GgufTypeName, GgufValue } from '../../src/gguf/gguf-metadata.ts';
import type { RuledFile } from '../../src/gguf/header-rule.ts';
import type { TensorKind } from '../../src/gguf/read-gguf.ts';

/** Type and value by key; `undefined` takes the key away. */
export type KeyEdits = Readonly<Record<string, readonly [GgufTypeName, unknown] | undefined>>;
/** By the tensor's name; `undefined` takes the tensor away. */
export type TensorEdits = Readonly<
  Record<string, { readonly dims?: readonly number[]; readonly type?: string } | undefined>
>;

export function editHeader(file: RuledFile, keys: KeyEdits, tensors: TensorEdits = {}): RuledFile {
  const metadata = new Map(file.metadata);
  const types = new Map(file.types);
  for (const [key, edit] of Object.entries(keys)) {
    metadata.delete(key);
    types.delete(key);
    if (edit === undefined) continue;
    types.set(key, edit[0]);
    metadata.set(key, edit[1] as GgufValue);
  }
  const edited = new Map(
    Object.entries(tensors).map(([name, edit]) => [name, edit && editKind(file.tensors.find(name), edit)]),
  );
  const added = [...edited.values()].filter((kind) => kind !== undefined);
  return {
    ...file,
    metadata,
    types,
    tensors: {
      ...file.tensors,
      kinds: [...file.tensors.kinds, ...added],
      find: (name) => (edited.has(name) ? edited.get(name) : file.tensors.find(name)),
    },
  };
}

const KIND: TensorKind = {
  dims: [1],
  type: { name: 'F32' } as GgmlType,
  bytes: 4,
  count: 1,
  inLayer: false,
  span: { from: 0, to: 1 },
};

function editKind(kind: TensorKind = KIND, { dims, type }: NonNullable<TensorEdits[string]>): TensorKind {
  return {
    ...kind,
    ...(dims && { dims }),
    ...(type !== undefined && { type: { ...kind.type, name: type } as GgmlType }),
  };
}
