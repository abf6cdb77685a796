/** Where the libraries of an engine lie that this program uses. It loads none of them. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EngineFiles } from '../core/engine-files.ts';

const LLAMA_NODE_LIBRARY = /\/@fugood\/node-llama-[^/]+\/index\.node$/;
const NODE_LLAMA_CPP_LIBRARY = /\/llama-addon\.node$/;

/** Its parts by their names, whatever their versions, in the order in which they need each other. */
const NODE_LLAMA_CPP_PARTS = [/^libggml-base\b.*\.so\b/, /^libggml(\.v[\d.]+)?\.so\b/, /^libllama(\.v[\d.]+)?\.so\b/];

/** `@fugood/llama.node`: the library that this program has loaded, or else the one that it would. `variant` is one of its `lib_variant`s. */
export async function findLlamaNodeFiles(variant?: string): Promise<EngineFiles | undefined> {
  const library = (await findMapped(LLAMA_NODE_LIBRARY)) ?? resolveLlamaNode(variant);
  return library === undefined ? undefined : { libraries: [library] };
}

/** `node-llama-cpp`: the libraries beside the addon that this program has loaded. */
export async function findNodeLlamaCppFiles(): Promise<EngineFiles | undefined> {
  const addon = await findMapped(NODE_LLAMA_CPP_LIBRARY);
  if (addon === undefined) return undefined;
  const directory = dirname(addon);
  const names = await readdir(directory).catch(() => []);
  const libraries = NODE_LLAMA_CPP_PARTS.map((part) => names.find((name) => part.test(name)));
  if (!libraries.every((name) => name !== undefined)) return undefined;
  return { libraries: libraries.map((name) => join(directory, name)), backends: directory };
}

/** The path of a library that this process maps, if it tells. */
async function findMapped(pattern: RegExp): Promise<string | undefined> {
  const maps = await readFile('/proc/self/maps', 'utf8').catch(() => '');
  const paths = maps.split('\n').map((line) => line.slice(line.indexOf('/')));
  return paths.find((path) => pattern.test(path) && existsSync(path));
}

/** As a program would find it from its main module, from where it was started, or from this package. */
function resolveLlamaNode(variant: string | undefined): string | undefined {
  const suffix = variant === undefined || variant === 'default' ? '' : `-${variant}`;
  const name = `@fugood/node-llama-${process.platform}-${process.arch}${suffix}`;
  const [, main] = process.argv;
  const places = [
    ...(main === undefined ? [] : [pathToFileURL(main).href]),
    pathToFileURL(join(process.cwd(), 'x')).href,
  ];
  for (const place of [...places, import.meta.url]) {
    try {
      const found = join(dirname(createRequire(place).resolve(`${name}/package.json`)), 'index.node');
      if (existsSync(found)) return found;
    } catch {
      // It is not installed there.
    }
  }
  return undefined;
}
