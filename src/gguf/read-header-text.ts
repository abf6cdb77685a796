/** Reads a text of a header that was too long to keep. It must not know what the text is for. */
import { openModelFile } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/**
 * The text in this key, or its first `mostBytes` bytes; `undefined` if there is no text in it.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if the file can't be read any more.
 */
export async function readHeaderText(file: GgufFile, key: string, mostBytes: number): Promise<string | undefined> {
  const value = file.metadata.get(key);
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || !('elementType' in value) || value.elementType !== 'utf8') return undefined;
  const bytes = Buffer.alloc(Math.min(value.length, mostBytes));
  // The metadata are those of the first shard.
  const source = await openModelFile(file.shards[0] ?? file.path);
  try {
    let done = 0;
    while (done < bytes.length) {
      const read = await source.read(bytes.subarray(done), value.offset + done);
      if (read === 0) break;
      done += read;
    }
    return bytes.toString('utf8', 0, done);
  } finally {
    await source.close();
  }
}
