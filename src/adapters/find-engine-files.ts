/** Where the libraries of an engine lie that this program uses. It loads none of them. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EngineFiles } from '../core/engine-files.ts';
import { orNothing, readdir, readFile } from '../core/file-system.ts';
import { listProgramFiles, makeProgramRequire } from '../core/program-files.ts';

const LLAMA_NODE_LIBRARY = /\/@fugood\/node-llama-[^/]+\/index\.node$/;
const NODE_LLAMA_CPP_LIBRARY = /\/llama-addon\.node$/;

/** Its parts by their names, whatever their versions, in the order in which they need each other. */
const NODE_LLAMA_CPP_PARTS = [
  /^libggml-base\b.*\.so\b/,
  /^libggml(\.[vb][\d.]+)?\.so\b/,
  /^libllama(\.[vb][\d.]+)?\.so\b/,
];

/** `@fugood/llama.node`: the library that this program has loaded, or else the one that it would. `variant` is one of its `lib_variant`s. */
export async function findLlamaNodeFiles(variant?: string): Promise<EngineFiles | undefined> {
  const library = (await findMapped(LLAMA_NODE_LIBRARY)) ?? findLlamaNodeLibrary(variant);
  return library === undefined ? undefined : { libraries: [library] };
}

/** `node-llama-cpp`: the libraries beside the addon that this program has loaded, or else those that are installed. */
export async function findNodeLlamaCppFiles(): Promise<EngineFiles | undefined> {
  const addon = await findMapped(NODE_LLAMA_CPP_LIBRARY);
  const system = `linux-${process.arch === 'arm' ? 'armv7l' : process.arch}`;
  const directory =
    addon === undefined ? findPart('node-llama-cpp', `@node-llama-cpp/${system}`, `bins/${system}`) : dirname(addon);
  if (directory === undefined) return undefined;
  const names = (await orNothing(readdir(directory))) ?? [];
  const libraries = NODE_LLAMA_CPP_PARTS.map((part) => names.find((name) => part.test(name)));
  if (!libraries.every((name) => name !== undefined)) return undefined;
  return { libraries: libraries.map((name) => join(directory, name)), backends: directory };
}

/** The version of an engine's package as this program would find it. */
export function findEngineVersion(engine: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(findPart(engine, engine, 'package.json') ?? '', 'utf8'));
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** The path of a library that this process maps, if it tells. */
async function findMapped(pattern: RegExp): Promise<string | undefined> {
  const maps = (await orNothing(readFile('/proc/self/maps', 'utf8'))) ?? '';
  const paths = maps.split('\n').map((line) => line.slice(line.indexOf('/')));
  return paths.find((path) => pattern.test(path) && existsSync(path));
}

function findLlamaNodeLibrary(variant: string | undefined): string | undefined {
  const suffix = variant === undefined || variant === 'default' ? '' : `-${variant}`;
  const part = `@fugood/node-llama-${process.platform}-${process.arch}${suffix}`;
  return findPart('@fugood/llama.node', part, 'index.node');
}

/**
 * A file in the part of an engine that is for this system. A program finds the engine from its main module, from where it was started, or from this
 * package, and the engine its own part.
 */
function findPart(engine: string, part: string, file: string): string | undefined {
  const [, main] = process.argv;
  const started = join(process.cwd(), 'program');
  for (const place of [...(main === undefined ? [] : [main]), started, ...listProgramFiles()]) {
    const directory = findPackage(engine, place);
    const found = directory && findPackage(part, join(directory, 'package.json'));
    if (found && existsSync(join(found, file))) return join(found, file);
  }
  return undefined;
}

/** The folder of a package as a module at `place` would find it, whatever the package lets others see of itself. */
function findPackage(name: string, place: string): string | undefined {
  const folders = makeProgramRequire(place).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
  return found && realpathSync(found);
}
