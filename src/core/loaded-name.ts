/** The name of what was loaded in place of what was asked for. It looks at no disk. */

/**
 * The asked name with the file in it that was loaded: "models/m-Q4_0.gguf" for "models/m-Q5_K_M.gguf". A name that names no file, such as a known
 * model's, stays as it is.
 */
export function nameLoaded(asked: string, askedPath: string | undefined, loadedPath: string | undefined): string {
  if (askedPath === undefined || loadedPath === undefined || askedPath === loadedPath) return asked;
  const stem = readStem(askedPath);
  const at = stem === '' ? -1 : asked.lastIndexOf(stem);
  return at === -1 ? asked : asked.slice(0, at) + readStem(loadedPath) + asked.slice(at + stem.length);
}

/** "m-Q5_K_M" of "/models/m-Q5_K_M.gguf". */
function readStem(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1).replace(/\.gguf$/i, '');
}
