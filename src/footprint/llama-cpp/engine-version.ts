/**
 * Knows which builds of llama.cpp the estimates were compared with. It must not know what is installed: a test compares the
 * two, and docs/updating-the-engine.md says what to do if they differ.
 */

/** One build of llama.cpp, as an npm package ships it. */
export interface EngineBuild {
  readonly packageName: string;
  /** The version of the package. */
  readonly version: string;
  /** The build number or the release of llama.cpp, as the package names it. */
  readonly llamaCpp: string;
  /** The commit of llama.cpp, as far as the package names it. */
  readonly commit: string;
}

/**
 * The engine whose graphs and allocator are mirrored here. The loads of `test/fixtures/engine-transcripts.jsonl` were
 * recorded and the constants of `runtime-overhead.ts` were measured with it.
 */
export const MIRRORED_ENGINE: EngineBuild = Object.freeze({
  packageName: '@fugood/llama.node',
  version: '1.7.15',
  llamaCpp: 'b10257',
  commit: '22dc605c4',
});

/** A second engine whose contexts were compared with the estimate, in `test/adapters/node-llama-cpp-adapter.test.ts`. */
export const COMPARED_ENGINE: EngineBuild = Object.freeze({
  packageName: 'node-llama-cpp',
  version: '3.22.1',
  llamaCpp: 'v0.5.0',
  commit: 'de3ff815e',
});
