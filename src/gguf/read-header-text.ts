/** Reads a text of a header that was too long to keep. It must not know what the text is for. */
import { modelFileError, openModelFile } from './model-file.ts';
import type { GgufFile } from './read-gguf.ts';

/**
 * The text in this key, whole; `undefined` if there is no text in it.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if it has more than `mostBytes` bytes, or if the file can't be read any more.
 */
export async function readHeaderText(file: GgufFile, key: string, mostBytes: number): Promise<string | undefined> {
  const value = file.metadata.get(key);
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || !('elementType' in value) || value.elementType !== 'utf8') return undefined;
  if (value.length > mostBytes) {
    const expected = `have at most ${mostBytes} bytes in ${key}`;
    throw modelFileError(file.path, expected, String(value.length), 'convert the model again');
  }
  const bytes = Buffer.alloc(value.length);
  // The metadata are those of the first shard.
  const source = await openModelFile(file.shards[0] ?? file.path);
  try {
    let done = 0;
    while (done < bytes.length) {
      const read = await source.read(bytes.subarray(done), value.offset + done);
      if (read === 0) {
        const found = `${done} that are left`;
        throw modelFileError(file.path, `have ${value.length} bytes in ${key}`, found, 'wait until it is written');
      }
      done += read;
    }
    return bytes.toString('utf8');
  } finally {
    await source.close();
  }
}
