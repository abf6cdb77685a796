/** Where the SDK's library may lie, in the order in which it is looked for. Pure: it looks nowhere. */
import { join } from 'node:path';

/** What of the system decides where to look. */
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
  /** Named by the user: then it must be used, or it is an error. */
  readonly named: boolean;
}

/** The older generation first: where both are installed, a program that says nothing keeps what it had. */
export function libraryNames(platform: NodeJS.Platform): readonly string[] {
  if (platform === 'win32') return ['nexa_bridge.dll', 'geniex.dll'];
  const ending = platform === 'darwin' ? 'dylib' : 'so';
  return [`libnexa_bridge.${ending}`, `libgeniex.${ending}`];
}

/** Programs whose place on `PATH` leads to the folder. */
export function launcherNames(platform: NodeJS.Platform): readonly string[] {
  return platform === 'win32' ? ['nexa.exe', 'geniex.exe'] : ['nexa', 'geniex'];
}

/** `libraryPath` alone, or the environment's, then the folders that the SDK's installers use. */
export function places(libraryPath: string | undefined, { platform, home, env }: Surroundings): readonly Place[] {
  if (libraryPath !== undefined) return [{ path: libraryPath, named: true }];
  const named = [env.GENIEX_LIB_PATH, env.NEXA_LIB_PATH].filter((path) => path !== undefined && path !== '');
  const usual = folders(platform, home, env);
  return [
    ...named.map((path) => ({ path: path as string, named: true })),
    ...usual.map((path) => ({ path, named: false })),
  ];
}

function folders(platform: NodeJS.Platform, home: string, env: Surroundings['env']): readonly string[] {
  if (platform === 'darwin') return ['/Applications/NexaCLI.app/Contents/Resources'];
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA || join(home, 'AppData', 'Local');
    return [join(local, 'Nexa CLI'), join(local, 'GenieX CLI')];
  }
  const data = env.XDG_DATA_HOME || join(home, '.local', 'share');
  return ['/opt/nexa_sdk', '/usr/local/lib/geniex', join(data, 'geniex'), '/opt/geniex'];
}
