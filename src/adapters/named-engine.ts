/** The engine that a user names: an npm package, or the paths of a build. It asks none. */
import { copyOptions } from '../core/copy-options.ts';
import type { EngineFiles } from '../core/engine-files.ts';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import { absolutePath, objectOf } from '../core/validate.ts';
import { findLlamaNodeFiles, findNodeLlamaCppFiles } from './find-engine-files.ts';

const ENGINES = {
  '@fugood/llama.node': findLlamaNodeFiles,
  'node-llama-cpp': findNodeLlamaCppFiles,
} satisfies Record<string, () => Promise<EngineFiles | undefined>>;

/** An npm package that brings llama.cpp, or the paths of a build of it. */
export type EngineChoice = keyof typeof ENGINES | EngineFiles;

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function checkEngine(engine: unknown, name = 'engine'): EngineChoice {
  return isPackage(engine) ? engine : checkFiles(engine, name);
}

/** Where its libraries are. Rejects with `ERR_RUNTIME_NOT_FOUND` if the package is not installed, with `ERR_INVALID_OPTION` if it is none of these. */
export async function findEngine(engine: unknown): Promise<EngineFiles> {
  if (!isPackage(engine)) return checkFiles(engine, 'engine');
  const found = await ENGINES[engine]();
  if (found) return found;
  const message = `Expected the libraries of ${engine} where this program or its package would find them, found none; install it with \`npm install ${engine}\`, or pass their paths as \`engine: { libraries }\`.`;
  throw new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

function isPackage(engine: unknown): engine is keyof typeof ENGINES {
  return typeof engine === 'string' && Object.hasOwn(ENGINES, engine);
}

function checkFiles(engine: unknown, name: string): EngineFiles {
  const expected = `${Object.keys(ENGINES).join(', ')}, or { libraries, backends? }`;
  const { libraries, backends } = copyOptions(objectOf<object>(expected)(engine, name), name, [
    'libraries',
    'backends',
  ]);
  if (!Array.isArray(libraries) || libraries.length === 0)
    throw invalidOption(`${name}.libraries`, 'a list of absolute paths', libraries);
  return {
    libraries: libraries.map((path: unknown) => absolutePath(path, `${name}.libraries`)),
    ...(backends !== undefined && { backends: absolutePath(backends, `${name}.backends`) }),
  };
}
