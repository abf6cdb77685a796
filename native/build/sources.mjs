/**
 * Says which files make the addon of a system: `node native/build/sources.mjs linux`. An interface comes from the folder of the system if it
 * has a file for it, and otherwise from `other/`. Both builds, binding.gyp and prebuild.mjs, ask here.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const native = fileURLToPath(new URL('..', import.meta.url));

/** Folders that several systems share. */
const SHARED = { linux: ['posix'], darwin: ['posix'], win32: [] };

/** @param {string} folder @returns {string[]} */
function listFolder(folder) {
  if (!existsSync(`${native}${folder}`)) return [];
  return readdirSync(`${native}${folder}`)
    .filter((name) => name.endsWith('.cc'))
    .sort()
    .map((name) => `native/${folder}/${name}`);
}

/** Paths from the root of the package. @param {string} platform As in `process.platform`. @returns {string[]} */
export function listSources(platform) {
  const shared = /** @type {Record<string, string[]>} */ (SHARED)[platform] ?? [];
  const own = [...listFolder(platform), ...shared.flatMap(listFolder)];
  const names = new Set(own.map((path) => path.split('/').pop()));
  const rest = listFolder('other').filter((path) => !names.has(path.split('/').pop()));
  return [...listFolder('binding'), ...listFolder('nexa'), ...own, ...rest];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = /** @type {Record<string, string>} */ ({ mac: 'darwin', win: 'win32' });
  const platform = process.argv[2] ?? process.platform;
  console.log(listSources(names[platform] ?? platform).join('\n'));
}
