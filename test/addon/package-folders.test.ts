/** Where the parts of the package are looked for, from its own files, from a bundle, and from none. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findOwnPackage, findPackageDirectory, listPackageFolders } from '../../src/addon/package-folders.ts';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** A program's directory, with these files. */
function makeProgram(files: Record<string, object | string> = {}): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'nexa-memory-guard-folders-')));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return directory;
}

describe('the directory of a file', () => {
  it('is the root of this package, for its sources and for what is compiled from them', () => {
    for (const path of ['src/addon/load-addon.ts', 'lib/addon/load-addon.js']) {
      expect(findPackageDirectory(join(ROOT, path)), path).toBe(ROOT);
    }
  });

  it('is the one with the package.json of the program, however deep the bundle lies', () => {
    const program = makeProgram({ 'package.json': { name: 'program' } });
    for (const path of ['bundle.js', 'dist/bundle.js', 'dist/server/chunks/bundle.js']) {
      expect(findPackageDirectory(join(program, path)), path).toBe(program);
    }
  });

  it('is not one whose package.json only says how its files are read, nor one above the program', () => {
    const program = makeProgram({
      'package.json': { name: 'outer' },
      'inner/package.json': { name: 'inner' },
      'inner/dist/esm/package.json': { type: 'module' },
      'inner/dist/package.json': 'not JSON',
    });
    expect(findPackageDirectory(join(program, 'inner/dist/esm/bundle.js'))).toBe(join(program, 'inner'));
  });

  it('is the one above the bundle if there is no package.json', () => {
    const program = makeProgram();
    expect(findPackageDirectory(join(program, 'dist/bundle.js'))).toBe(program);
  });
});

describe('the folders of the package', () => {
  it('are its own alone, for its own files', () => {
    expect(findOwnPackage()).toBe(ROOT);
    expect(listPackageFolders()).toEqual([ROOT]);
  });

  it('are, for a bundle, one beside it, the root of its program, and the one that is installed', () => {
    const program = makeProgram({
      'package.json': { name: 'program' },
      'node_modules/nexa-memory-guard/package.json': { name: 'nexa-memory-guard' },
    });
    const bundle = join(program, 'dist/bundle.js');
    expect(findOwnPackage([bundle])).toBeUndefined();
    expect(listPackageFolders([bundle, join(program, 'dist/main.js')])).toEqual([
      join(program, 'dist/nexa-memory-guard'),
      program,
      join(program, 'node_modules/nexa-memory-guard'),
    ]);
  });

  it('are none, where nobody knows from which file the code runs', () => {
    expect(findOwnPackage([])).toBeUndefined();
    expect(listPackageFolders([])).toEqual([]);
  });
});
