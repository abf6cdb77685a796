/**
 * Knows which builds of the engine the estimates were compared with. It must not know what is installed: a test compares
 * the two.
 */

/** One engine, as its npm package ships it. */
export interface EngineBuild {
  /** The name of the npm package. */
  readonly packageName: string;
  /** The version of the npm package. */
  readonly version: string;
  /** The build number or release of llama.cpp in it, as the package says it. */
  readonly llamaCpp: string;
  /** The commit of llama.cpp, as far as the package says it. */
  readonly commit: string;
}

/**
 * The engine that loads of `test/fixtures/engine-transcripts.jsonl` were recorded with and the constants were measured
 * with.
 */
export const MIRRORED_ENGINE: EngineBuild = Object.freeze({
  packageName: '@fugood/llama.node',
  version: '1.7.15',
  llamaCpp: 'b10257',
  commit: '22dc605c4',
});

/** A second engine whose contexts were compared with the estimate: `test/adapters/node-llama-cpp-adapter.test.ts`. */
export const COMPARED_ENGINE: EngineBuild = Object.freeze({
  packageName: 'node-llama-cpp',
  version: '3.21.1',
  llamaCpp: 'v0.4.0',
  commit: '80fb11ac7',
});
