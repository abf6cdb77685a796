/** Finds which data files a load mapped: what is mapped after it and was not before. It knows no models. */
import { openSync, readSync, realpathSync } from 'node:fs';
import type { HeldFile } from '../../core/types.ts';
import { getErrno, unreadable } from '../sensor-error.ts';
import { type MappedFile, readMappedFiles } from './mapped-files.ts';

/** Tells which files were mapped since the watch began, `modelFiles` among them. `undefined`: the system doesn't tell. */
export type MappedSince = (modelFiles: readonly string[]) => readonly HeldFile[] | undefined;

/** Address space moves by less than this (in pages of 4 KiB: 64 KiB) without a model file being mapped. */
const STILL_PAGES = 16;

/** What was mapped when it was last read. Reading costs 140 µs in a plain Node process, asking for its size 0.7 µs. */
let known: { readonly pages: number; readonly files: ReadonlyMap<string, number> } | undefined;

/**
 * Notes what is mapped now. The function that it returns, called after a load, gives the files that the load mapped, anew or
 * once more, and those of `modelFiles`, which may share another model's mapping.
 *
 * @throws MemoryGuardError `ERR_SENSOR`, here and in the function that is returned, if the mappings can't be read.
 */
export function watchMappings(platform: NodeJS.Platform = process.platform): MappedSince {
  if (platform !== 'linux') return () => undefined;
  const pages = readVirtualPages();
  if (!known || Math.abs(pages - known.pages) >= STILL_PAGES) known = { pages, files: sumMappings(readMappedFiles()) };
  const before = known.files;
  return (modelFiles) => {
    if (modelFiles.length === 0 && Math.abs(readVirtualPages() - pages) < STILL_PAGES) return [];
    const own = new Set(modelFiles.map(resolveRealPath));
    const files = readMappedFiles();
    known = { pages: readVirtualPages(), files: sumMappings(files) };
    return files
      .filter((file) => !file.executable && (isMappedMore(file, before) || own.has(file.path)))
      .map((file) => ({ key: formatFileKey(file), bytes: file.bytes }));
  };
}

/** The same for a load that must not fail because a reading does: `failed` hears of it, and the answer is `undefined`. */
export function watchMappingsIfReadable(failed: (error: unknown) => void): MappedSince {
  try {
    const mappedSince = watchMappings();
    return (modelFiles) => {
      try {
        return mappedSince(modelFiles);
      } catch (error) {
        failed(error);
        return undefined;
      }
    };
  } catch (error) {
    failed(error);
    return () => undefined;
  }
}

/** The data files that another process maps now. `undefined`: it has ended, or the system doesn't tell. */
export function listMappingsOf(
  pid: number,
  platform: NodeJS.Platform = process.platform,
): readonly HeldFile[] | undefined {
  if (platform !== 'linux') return undefined;
  try {
    const files = readMappedFiles({ pid }).filter(({ executable }) => !executable);
    return files.map((file) => ({ key: formatFileKey(file), bytes: file.bytes }));
  } catch {
    return undefined;
  }
}

const STATM = '/proc/self/statm';
const buffer = Buffer.allocUnsafeSlow(128);
let descriptor: number | undefined;

/** `270127 11834 9842 21213 0 40107 0`: the first number is all address space, in pages. */
function readVirtualPages(): number {
  try {
    descriptor ??= openSync(STATM, 'r');
    return Number.parseInt(buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, buffer.length, 0)), 10);
  } catch (error) {
    throw unreadable(STATM, getErrno(error), error);
  }
}

function sumMappings(files: readonly MappedFile[]): ReadonlyMap<string, number> {
  return new Map(files.map((file) => [formatFileKey(file), file.mappingsBytes]));
}

function isMappedMore(file: MappedFile, before: ReadonlyMap<string, number>): boolean {
  return file.mappingsBytes > (before.get(formatFileKey(file)) ?? 0);
}

function formatFileKey({ device, inode }: MappedFile): string {
  return `${device} ${inode}`;
}

/** The kernel shows mapped files by their real path. */
function resolveRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // It was deleted after it was mapped: then it is found as new, or not at all.
  }
}
