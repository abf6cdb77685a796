/** Where the SDK's library may lie, in the order in which it is looked for. It looks nowhere itself. */
import { join } from 'node:path';

/** The part of the system that decides where to look. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: {
    readonly GENIEX_LIB_PATH?: string | undefined;
    readonly NEXA_LIB_PATH?: string | undefined;
    readonly XDG_DATA_HOME?: string | undefined;
    readonly LOCALAPPDATA?: string | undefined;
    readonly PATH?: string | undefined;
  };
}

export interface Place {
  /** The library itself, or the folder that it lies in or below. */
  readonly path: string;
  /** Whether the user named it: then the library must be there. */
  readonly named: boolean;
}

/** Names of the library's file. The older generation is first: if both are installed, a program that chooses none keeps what it had. */
export function listLibraryNames(platform: NodeJS.Platform): readonly string[] {
  if (platform === 'win32') return ['nexa_bridge.dll', 'geniex.dll'];
  const ending = platform === 'darwin' ? 'dylib' : 'so';
  return [`libnexa_bridge.${ending}`, `libgeniex.${ending}`];
}

/** Names of the programs that start the SDK; their places on `PATH` lead to the library's folder. */
export function listLauncherNames(platform: NodeJS.Platform): readonly string[] {
  return platform === 'win32' ? ['nexa.exe', 'geniex.exe'] : ['nexa', 'geniex'];
}

/** `libraryPath` alone, or the environment's, then the folders that the SDK's installers use. */
export function listPlaces(libraryPath: string | undefined, { platform, home, env }: Surroundings): readonly Place[] {
  if (libraryPath !== undefined) return [{ path: libraryPath, named: true }];
  const named = [env.GENIEX_LIB_PATH, env.NEXA_LIB_PATH].filter((path) => path !== undefined && path !== '');
  const usual = listInstallFolders(platform, home, env);
  return [...named.map((path) => ({ path: path!, named: true })), ...usual.map((path) => ({ path, named: false }))];
}

function listInstallFolders(platform: NodeJS.Platform, home: string, env: Surroundings['env']): readonly string[] {
  if (platform === 'darwin') return ['/Applications/NexaCLI.app/Contents/Resources'];
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA || join(home, 'AppData', 'Local');
    return [join(local, 'Nexa CLI'), join(local, 'GenieX CLI')];
  }
  const data = env.XDG_DATA_HOME || join(home, '.local', 'share');
  return ['/opt/nexa_sdk', '/usr/local/lib/geniex', join(data, 'geniex'), '/opt/geniex'];
}
