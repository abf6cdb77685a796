/** Which data files a load mapped: what is mapped after it and was not before. It knows no models. */
import { realpathSync } from 'node:fs';
import type { HeldFile } from '../ledger/ledger.ts';
import { type MappedFile, readMappedFiles } from './mappings.ts';

/**
 * Notes what is mapped now. The result, called after a load, gives the files it added and those of `modelFiles` that
 * were mapped already by another model. `undefined` where this system doesn't tell.
 */
export function watchMappings(
  platform: NodeJS.Platform = process.platform,
): (modelFiles: readonly string[]) => readonly HeldFile[] | undefined {
  if (platform !== 'linux') return () => undefined;
  const before = new Set(readMappedFiles().map(keyOf));
  return (modelFiles) => {
    const own = new Set(modelFiles.map(realPath));
    return readMappedFiles()
      .filter((file) => !file.executable && (!before.has(keyOf(file)) || own.has(file.path)))
      .map((file) => ({ key: keyOf(file), bytes: file.bytes }));
  };
}

function keyOf({ device, inode }: MappedFile): string {
  return `${device} ${inode}`;
}

/** The kernel shows mapped files by their real path. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // deleted after it was mapped: then it is found as new, or not at all
  }
}
