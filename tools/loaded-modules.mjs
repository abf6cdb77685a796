/** Lists what an import loads, in a Node process of its own: files, and modules of Node itself. It knows nothing of what is imported. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a package is looked up, and what paths are relative to. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRINT_BUILTINS = 'process.stdout.write(JSON.stringify(process.moduleLoadList))';

/**
 * Runs a module that is given as text, in the folder of this repository.
 * @param {string} program @param {NodeJS.ProcessEnv} [env]
 */
export function runModule(program, env = {}) {
  const args = ['--input-type=module', '--eval', program];
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env: { ...process.env, ...env } });
}

/**
 * The scripts that V8 compiled, ES modules and CommonJS alike, with paths from the repository's root.
 * @param {string} specifier such as `nexa-memory-guard`
 */
export function listLoadedFiles(specifier) {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-loaded-modules-'));
  try {
    runModule(importStatement(specifier), { NODE_V8_COVERAGE: folder });
    const scripts = readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).result);
    const urls = new Set(scripts.map(({ url }) => /** @type {string} */ (url)));
    const files = [...urls].filter((url) => url.startsWith('file:') && !url.includes('[eval'));
    return files.map((url) => relative(ROOT, fileURLToPath(url)).replaceAll('\\', '/')).sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Modules of Node that an empty program does not load, its internal ones included.
 * @param {string} specifier
 */
export function listLoadedBuiltins(specifier) {
  const list = (/** @type {string} */ statement) => {
    const loaded = /** @type {string[]} */ (JSON.parse(runModule(`${statement} ${PRINT_BUILTINS}`)));
    return loaded.flatMap((entry) => /^NativeModule (.+)/.exec(entry)?.[1] ?? []);
  };
  const anyway = new Set(list(''));
  return list(importStatement(specifier)).filter((name) => !anyway.has(name));
}

/** @param {string} specifier */
export function importStatement(specifier) {
  return `import ${JSON.stringify(specifier)};`;
}
