/** A model file that is only a buffer, so that thousands of damaged headers need no disk. */

import { createReadState, type GgufHeader, type ReadState, readHeader } from '../../src/gguf/gguf-header.ts';
import { CHUNK_BYTES } from '../../src/gguf/header-cursor.ts';
import type { ByteSource } from '../../src/gguf/model-file.ts';

/** `sizeBytes` may claim another length than the buffer has. */
export function memorySource(bytes: Buffer, sizeBytes = bytes.length): ByteSource {
  return {
    path: 'memory.gguf',
    sizeBytes,
    async read(into, position) {
      return position < bytes.length ? bytes.copy(into, 0, position, position + into.length) : 0;
    },
  };
}

export function readState(chunkBytes = CHUNK_BYTES): ReadState {
  return createReadState(Buffer.alloc(chunkBytes));
}

/** Reads a header from a buffer. */
export function readBytes(bytes: Buffer, sizeBytes?: number, state = readState()): Promise<GgufHeader> {
  return readHeader(memorySource(bytes, sizeBytes), state);
}
