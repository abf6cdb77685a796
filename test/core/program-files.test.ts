import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { listProgramFiles, makeProgramRequire } from '../../src/core/program-files.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'nexa-program-files-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function write(name: string): string {
  const file = join(folder, name);
  writeFileSync(file, '');
  return file;
}

it("are this module's own and the program's main one", () => {
  const files = listProgramFiles();
  expect(files[0]).toBe(fileURLToPath(new URL('../../src/core/program-files.ts', import.meta.url)));
  expect(files).toContain(realpathSync(process.argv[1]!));
});

it('are named once, nearest first, and where links lead', () => {
  const [own, main] = [write('own.js'), write('main.js')];
  symlinkSync(main, join(folder, 'link.js'));
  expect(listProgramFiles(pathToFileURL(own).href, own, join(folder, 'link.js'))).toEqual([own, main]);
});

it('are those that are there: not that of another machine, nor a module that is no file', () => {
  const bundle = write('bundle.cjs');
  expect(listProgramFiles('file:///other/machine/own.js', bundle, join(folder, 'gone.js'))).toEqual([bundle]);
  expect(listProgramFiles('data:text/javascript,0', join(folder, 'none'), undefined)).toEqual(
    process.argv[1] === undefined ? [] : [realpathSync(process.argv[1])],
  );
});

it('find packages as the program does, and from nowhere what Node has', () => {
  expect(makeProgramRequire()('vitest/package.json').name).toBe('vitest');
  expect(() => makeProgramRequire(join(folder, 'x.js'))('vitest/package.json')).toThrow(/Cannot find module/);
  expect(makeProgramRequire(process.execPath)('node:path').sep).toBe('/');
});
