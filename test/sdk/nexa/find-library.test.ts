/** Where the SDK's library is looked for, on file trees laid out as installers lay them out. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findLibrary } from '../../../src/sdk/nexa/find-library.ts';
import type { Surroundings } from '../../../src/sdk/nexa/library-places.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nexa-places-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (path: string) => join(root, path);

function lay(path: string, content = ''): string {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
  return at(path);
}

function surroundings(env: Surroundings['env'] = {}): Surroundings {
  return { platform: 'linux', home: at('home'), env: { PATH: '', ...env } };
}

describe('the library', () => {
  test.each([['libgeniex.so'], ['lib/libnexa_bridge.so'], ['lib/llama-cpp-cpu/libnexa_bridge.so']])(
    'is found in a folder as %s',
    async (file) => {
      const path = lay(`sdk/${file}`);
      expect(await findLibrary(at('sdk'), surroundings())).toEqual({
        found: { path, named: true },
        tried: [at('sdk')],
      });
      const byName = await findLibrary(undefined, surroundings({ GENIEX_LIB_PATH: at('sdk') }));
      expect(byName.found).toEqual({ path, named: true });
    },
  );

  test('is found by its own path, whatever its name', async () => {
    const path = lay('mine.so');
    expect((await findLibrary(path, surroundings())).found).toEqual({ path, named: true });
  });

  test('is found in a folder of an installer, unnamed', async () => {
    const path = lay('home/.local/share/geniex/libgeniex.so');
    const { found } = await findLibrary(undefined, surroundings());
    expect(found).toEqual({ path, named: false });
  });

  test('is found through a launcher that is a link', async () => {
    const path = lay('elsewhere/lib/libnexa_bridge.so');
    lay('elsewhere/bin/nexa', 'ELF');
    mkdirSync(at('bin'));
    symlinkSync(at('elsewhere/bin/nexa'), at('bin/nexa'));
    const search = await findLibrary(undefined, surroundings({ PATH: `${at('none')}:${at('bin')}` }));
    expect(search.found).toEqual({ path, named: false });
  });

  test('is found through a launcher that is a script', async () => {
    const path = lay('geniex/libgeniex.so');
    const script = `#!/bin/sh\nGENIEX_PREFIX="${at('geniex')}"\nexec "$GENIEX_PREFIX/geniex" "$@"\n`;
    chmodSync(lay('bin/geniex', script), 0o755);
    const search = await findLibrary(undefined, surroundings({ PATH: at('bin') }));
    expect(search.found).toEqual({ path, named: false });
  });

  test('is found through a launcher that is a program, which is longer than any script', async () => {
    const path = lay('tools/libgeniex.so');
    lay('tools/geniex', '#'.repeat(5000));
    const search = await findLibrary(undefined, surroundings({ PATH: at('tools') }));
    expect(search.found).toEqual({ path, named: false });
  });

  test('is not taken from another place where the user named one', async () => {
    lay('home/.local/share/geniex/libgeniex.so');
    const search = await findLibrary(undefined, surroundings({ NEXA_LIB_PATH: at('gone') }));
    expect(search).toEqual({ tried: [at('gone')] });
  });

  test('is nowhere: every place that was looked at is told', async () => {
    mkdirSync(at('bin'));
    symlinkSync(at('gone'), at('bin/nexa'));
    lay('bin/geniex', '#!/bin/sh\necho hello\n');
    const withLauncher = await findLibrary(undefined, surroundings({ PATH: at('bin') }));
    expect(withLauncher.found).toBeUndefined();
    expect(withLauncher.tried).toEqual(expect.arrayContaining(['/opt/nexa_sdk', '/opt/geniex', at('bin')]));
    const without = await findLibrary(undefined, surroundings());
    expect(without.tried.at(-1)).toBe('nexa and geniex on PATH');
  });
});
