/** Where a build of an engine lies on disk. It knows nothing of what that can do. */

/** The libraries of one build of llama.cpp, which can be asked what a load would take. All are absolute paths. */
export interface EngineFiles {
  /** In the order in which they need each other. */
  readonly libraries: readonly string[];
  /** The folder of the libraries that compute, if the build chooses one of several by the processor. */
  readonly backends?: string;
}
