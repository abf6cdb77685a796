/** Knows LoRA adapters by their headers: what their weights take, and what a model's graph takes more with them. It loads none. */
import { type GgufFile, readGguf } from '../gguf/read-gguf.ts';
import { countPaddedBytes } from './place-weights.ts';

const F32_BYTES = 4;

/** The headers of adapters that were read, by their paths. */
export class LoraAdapters {
  readonly #files = new Map<string, GgufFile>();

  /** A file that changed is read again. Rejects with `ERR_MODEL_FILE` if one can't be understood. */
  async read(paths: readonly string[]): Promise<void> {
    await Promise.all(paths.map(async (path) => this.#files.set(path, await readGguf(path))));
  }

  /** Those of these paths that have been read. */
  find(paths: readonly string[]): readonly GgufFile[] {
    return paths.flatMap((path) => this.#files.get(path) ?? []);
  }
}

/** The engine reads them into memory of its own, whatever it does with the model. */
export function countAdapterBytes(adapters: readonly Pick<GgufFile, 'tensors'>[]): number {
  return adapters.reduce((sum, { tensors }) => sum + countPaddedBytes(tensors), 0);
}

/** Beside a product lies the same by the widest adapter: what it is narrowed to, and what that is widened to. */
export function boundAdapterGraphBytes(adapters: readonly Pick<GgufFile, 'tensors'>[], tokens: number): number {
  const rows = adapters.flatMap(({ tensors }) => tensors.kinds.map(({ dims: [rank = 0, wide = 0] }) => rank + wide));
  return rows.reduce((most, each) => Math.max(most, each), 0) * tokens * F32_BYTES;
}
