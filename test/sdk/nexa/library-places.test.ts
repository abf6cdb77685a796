import { describe, expect, test } from 'vitest';
import {
  listLauncherNames,
  listLibraryNames,
  listPlaces,
  type Surroundings,
} from '../../../src/sdk/nexa/library-places.ts';

describe('the places', () => {
  test('are the folders of the installers, after what the environment names', () => {
    const named = { GENIEX_LIB_PATH: '/a', NEXA_LIB_PATH: '/b' };
    expect(listPlaces(undefined, { platform: 'linux', home: '/h', env: named })).toEqual([
      { path: '/a', named: true },
      { path: '/b', named: true },
      { path: '/opt/nexa_sdk', named: false },
      { path: '/usr/local/lib/geniex', named: false },
      { path: '/h/.local/share/geniex', named: false },
      { path: '/opt/geniex', named: false },
    ]);
    const of = (platform: NodeJS.Platform, env: Surroundings['env']) =>
      listPlaces(undefined, { platform, home: '/h', env }).map(({ path }) => path);
    expect(of('linux', { XDG_DATA_HOME: '/x', GENIEX_LIB_PATH: '' })).toContain('/x/geniex');
    expect(of('darwin', {})).toEqual(['/Applications/NexaCLI.app/Contents/Resources']);
    expect(of('win32', { LOCALAPPDATA: '/l' })).toEqual(['/l/Nexa CLI', '/l/GenieX CLI']);
    expect(of('win32', {})).toEqual(['/h/AppData/Local/Nexa CLI', '/h/AppData/Local/GenieX CLI']);
  });

  test('are the given one alone', () => {
    expect(listPlaces('/mine', { platform: 'linux', home: '/h', env: { GENIEX_LIB_PATH: '/a' } })).toEqual([
      { path: '/mine', named: true },
    ]);
  });

  test('hold files that are named for the system', () => {
    expect(listLibraryNames('linux')).toEqual(['libnexa_bridge.so', 'libgeniex.so']);
    expect(listLibraryNames('darwin')).toEqual(['libnexa_bridge.dylib', 'libgeniex.dylib']);
    expect(listLibraryNames('win32')).toEqual(['nexa_bridge.dll', 'geniex.dll']);
    expect(listLauncherNames('win32')).toEqual(['nexa.exe', 'geniex.exe']);
  });
});
