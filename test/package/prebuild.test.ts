/** What is known of the eight addons without building them; `npm run ci:full` builds and runs them. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listSources } from '../../native/build/sources.mjs';
import { listCompileFlags, listLinkFlags, TARGETS } from '../../native/build/targets.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const INTERFACES = readdirSync(`${root}native`)
  .filter((name) => name.endsWith('.h'))
  .map((name) => name.slice(0, -2));

describe('the sources of an addon', () => {
  it('are thirteen interfaces', () => {
    expect(INTERFACES).toHaveLength(13);
    expect(INTERFACES).toEqual(expect.arrayContaining(['memory_files', 'nexa_os']));
  });

  it.each(['linux', 'darwin', 'win32'])('come for %s from the folders that native/README.md names', (platform) => {
    const table = readFileSync(`${root}native/README.md`, 'utf8').matchAll(/^\| `(\w+)\.h` \|(.*)\|$/gm);
    const rows = new Map(
      [...table].map(([, name = '', cells = '']) => [name, cells.split('|').map((cell) => cell.trim())]),
    );
    expect([...rows.keys()].sort()).toEqual([...INTERFACES].sort());
    const column = 1 + ['linux', 'darwin', 'win32'].indexOf(platform);
    for (const name of INTERFACES) {
      const folder = rows.get(name)?.[column]?.replaceAll('`', '');
      expect(listSources(platform), name).toContain(`native/${folder}${name}.cc`);
    }
  });

  it.each(['linux', 'darwin', 'win32', 'aix'])('for %s hold each interface once', (platform) => {
    const sources = listSources(platform);
    expect(sources.every((path) => existsSync(`${root}${path}`))).toBe(true);
    for (const name of INTERFACES) {
      expect(
        sources.filter((path) => path.endsWith(`/${name}.cc`) && !path.includes('/binding/')),
        name,
      ).toHaveLength(1);
    }
    expect(sources.filter((path) => path.startsWith('native/binding')).length).toBeGreaterThan(5);
  });

  it('are those that both builds ask for', () => {
    const asked = execFileSync(process.execPath, [`${root}native/build/sources.mjs`, 'mac'], { encoding: 'utf8' });
    expect(asked.trim().split('\n')).toEqual(listSources('darwin'));
    expect(readFileSync(`${root}binding.gyp`, 'utf8')).toContain('node native/build/sources.mjs');
  });
});

describe('the eight targets', () => {
  it('are linux with both C libraries, macOS and Windows, each for x64 and arm64', () => {
    expect(TARGETS.map(({ name }) => name).sort()).toEqual([
      'darwin-arm64',
      'darwin-x64',
      'linux-arm64',
      'linux-arm64-musl',
      'linux-x64',
      'linux-x64-musl',
      'win32-arm64',
      'win32-x64',
    ]);
    for (const { name, platform, arch, zig } of TARGETS) {
      expect(name.startsWith(`${platform}-${arch}`), name).toBe(true);
      expect(zig.startsWith(arch === 'x64' ? 'x86_64-' : 'aarch64-'), name).toBe(true);
      expect(zig.endsWith('musl'), name).toBe(name.endsWith('musl'));
    }
  });

  it('are compiled with the definitions of binding.gyp, and stay in memory', () => {
    const gyp = readFileSync(`${root}binding.gyp`, 'utf8');
    for (const target of TARGETS) {
      const defines = listCompileFlags(target).filter((flag) => flag.startsWith('-D'));
      expect(defines).toContain('-DNAPI_VERSION=8');
      expect(defines.filter((flag) => !gyp.includes(`'${flag.slice(2)}'`))).toEqual([]);
      const links = listLinkFlags(target, { exports: 'exports.map', imports: 'node.lib' });
      expect(links.includes('-Wl,-z,nodelete')).toBe(target.platform === 'linux');
      expect(links.includes('node.lib')).toBe(target.platform === 'win32');
    }
  });
});

it('a name that is no target is refused with the names that are', () => {
  expect(() =>
    execFileSync(process.execPath, [`${root}native/build/prebuild.mjs`, 'amiga'], { stdio: 'pipe' }),
  ).toThrow(/Expected names of linux-x64, .*, got amiga\./);
});

describe('npm', () => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const read = (name: string) => JSON.parse(readFileSync(`${root}${name}`, 'utf8'));
  const { scripts, allowScripts } = read('package.json');

  it('takes no script for a hook of another, but for the one that builds what is packed', () => {
    const events = new Set([...Object.keys(scripts), 'install', 'uninstall', 'pack', 'publish', 'version']);
    const hooks = Object.keys(scripts).filter((name) => {
      const [, event = ''] = /^(?:pre|post)(.+)$/.exec(name) ?? [];
      return ['install', 'prepare'].includes(name) || events.has(event);
    });
    expect(hooks).toEqual(['prepack']);
    const ignored = execFileSync(npm, ['config', 'get', 'ignore-scripts'], { cwd: root, encoding: 'utf8' });
    expect(ignored.trim()).toBe('false');
  });

  it('packs nothing where it could not be built', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-pack-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const name of ['package.json', 'README.md', 'LICENSE']) copyFileSync(`${root}${name}`, join(folder, name));
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'dist', 'stale.js'), '');
    const { status } = spawnSync(npm, ['pack'], { cwd: folder, stdio: 'ignore' });
    expect(status).not.toBe(0);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tgz') || name === 'dist')).toEqual([]);
  });

  it('runs no script of a package that is installed here', () => {
    const packages: Record<string, { hasInstallScript?: boolean }> = read('package-lock.json').packages;
    const names = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript);
    expect(names.map((path) => path.replace(/^.*node_modules\//, ''))).toEqual(Object.keys(allowScripts));
    expect(Object.values(allowScripts).every((allowed) => allowed === false)).toBe(true);
  });
});
