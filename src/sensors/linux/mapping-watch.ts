/** Which data files a load mapped: what is mapped after it and was not before. It knows no models. */
import { openSync, readSync, realpathSync } from 'node:fs';
import type { HeldFile } from '../../core/types.ts';
import { errnoOf, unreadable } from '../sensor-error.ts';
import { type MappedFile, readMappedFiles } from './mapped-files.ts';

/** Address space moves by less than this (in pages of 4 KiB: 64 KiB) without a model file being mapped. */
const STILL_PAGES = 16;

/** What was mapped when it was last read. Reading costs 140 µs in a plain Node process, asking for its size 0.7 µs. */
let known: { readonly pages: number; readonly files: ReadonlyMap<string, number> } | undefined;

/**
 * Notes what is mapped now. The result, called after a load, gives the files that it mapped, anew or once more, and those
 * of `modelFiles`, which may share another model's mapping. `undefined` where this system doesn't tell.
 */
export function watchMappings(
  platform: NodeJS.Platform = process.platform,
): (modelFiles: readonly string[]) => readonly HeldFile[] | undefined {
  if (platform !== 'linux') return () => undefined;
  const pages = readVirtualPages();
  if (!known || Math.abs(pages - known.pages) >= STILL_PAGES) known = { pages, files: sumsOf(readMappedFiles()) };
  const before = known.files;
  return (modelFiles) => {
    if (modelFiles.length === 0 && Math.abs(readVirtualPages() - pages) < STILL_PAGES) return [];
    const own = new Set(modelFiles.map(realPath));
    const files = readMappedFiles();
    known = { pages: readVirtualPages(), files: sumsOf(files) };
    return files
      .filter((file) => !file.executable && (isMore(file, before) || own.has(file.path)))
      .map((file) => ({ key: keyOf(file), bytes: file.bytes }));
  };
}

/** The same where a failed reading must not fail the load it watches: it is told, and the answer is `undefined`. */
export function watchMappingsIfReadable(failed: (error: unknown) => void): ReturnType<typeof watchMappings> {
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

const STATM = '/proc/self/statm';
const buffer = Buffer.allocUnsafeSlow(128);
let descriptor: number | undefined;

/** `270127 11834 9842 21213 0 40107 0`: the first number is all address space, in pages. */
function readVirtualPages(): number {
  try {
    descriptor ??= openSync(STATM, 'r');
    return Number.parseInt(buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, buffer.length, 0)), 10);
  } catch (error) {
    throw unreadable(STATM, errnoOf(error), error);
  }
}

function sumsOf(files: readonly MappedFile[]): ReadonlyMap<string, number> {
  return new Map(files.map((file) => [keyOf(file), file.mappingsBytes]));
}

function isMore(file: MappedFile, before: ReadonlyMap<string, number>): boolean {
  return file.mappingsBytes > (before.get(keyOf(file)) ?? 0);
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
