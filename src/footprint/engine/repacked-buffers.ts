/** Knows in which buffers an engine would put weights of which it is known what types it copies. It must not ask. */
import type { GgufTensors, TensorKind } from '../../gguf/read-gguf.ts';
import type { WeightBuffer } from './engine-question.ts';

/** Rows are interleaved in groups of so many: a matrix with other rows stays as it is. */
const ROWS = 8;
/** Tensors that lie side by side in a buffer begin at multiples of so many bytes. */
const ALIGNMENT = 32;

/** The buffers of a model whose matrices of these types are copied, by the engine's names. */
export function listRepackedBuffers(tensors: GgufTensors, types: readonly string[]): readonly WeightBuffer[] {
  const copies = ({ dims, type }: TensorKind) => dims.length > 1 && dims[1]! % ROWS === 0 && types.includes(type.name);
  const embedding = tensors.find('token_embd.weight');
  const tied = embedding !== undefined && tensors.find('output.weight') === undefined;
  let copiedBytes = 0;
  let placeBytes = 0;
  for (const kind of tensors.kinds) {
    const bytes = kind.count * align(kind.bytes);
    // Rows of the embedding are looked up where they lie. It is copied beside that if it serves as the output too.
    const lookedUp = embedding && kind === embedding ? align(embedding.bytes) : 0;
    if (copies(kind)) copiedBytes += bytes - (tied ? 0 : lookedUp);
    placeBytes += copies(kind) ? lookedUp : bytes;
  }
  return [
    { name: 'CPU', host: true, bytes: placeBytes },
    { name: 'CPU_REPACK', host: false, bytes: copiedBytes },
  ];
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
