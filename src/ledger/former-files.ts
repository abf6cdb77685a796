/**
 * When a ledger's file is made anew, some members may still have the former one open, which was deleted, renamed or replaced. This finds it
 * through their descriptors, so that nobody decides without them. It reads no record.
 */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { FILE_NAME, type FileReference, LedgerFile } from './ledger-file.ts';

/** A descriptor that was raised (native/file_lock.h) has at least this number. Its file may have any name by now. */
const RAISED = 960;

/** So many references fit a header. Each former file needs one that lasts. */
const MOST_REFERENCES = 128;

/** A former file, and who has it open. */
export interface FormerFile {
  readonly file: LedgerFile;
  readonly references: readonly FileReference[];
}

/** Finds the files of a ledger of this name that processes of ours have open and that are not yet given up. The caller closes them. */
export function findFormerFiles(name: string, uid: number | undefined): FormerFile[] {
  const found = openNamed(listReferences(uid), name);
  const share = Math.max(1, Math.floor(MOST_REFERENCES / Math.max(1, found.length)));
  return found.map(({ file, references }) => ({ file, references: references.slice(0, share) }));
}

/** Opens the files behind the references of a header that still lead to one, each once. The caller closes them. */
export function openFormerFiles({ former, name, identity }: LedgerFile): LedgerFile[] {
  const files = openNamed(former, name).map(({ file }) => file);
  for (const file of files) if (file.identity === identity) file.close();
  return files.filter((file) => file.identity !== identity);
}

/** Opens each file once, however many references lead to it. Throws if there are no more descriptors: what can't be opened may be one. */
function openNamed(references: readonly FileReference[], name: string): FormerFile[] {
  const found = new Map<string, { readonly file: LedgerFile; readonly references: FileReference[] }>();
  try {
    for (const reference of references) {
      const file = openIfNamed(reference, name);
      if (!file) continue;
      const known = found.get(file.identity);
      if (known) file.close();
      else found.set(file.identity, { file, references: [] });
      found.get(file.identity)?.references.push(reference);
    }
  } catch (error) {
    for (const { file } of found.values()) file.close();
    throw error;
  }
  return [...found.values()];
}

/** Descriptors of our processes that lead to a file of that kind. Without /proc there are none. */
function listReferences(uid: number | undefined): FileReference[] {
  if (process.platform !== 'linux') return [];
  const mounts = readLink('/proc/self/ns/mnt');
  return listNumbers('/proc').flatMap((pid) => {
    if (!isOurs(pid, uid) || readLink(`/proc/${pid}/ns/mnt`) !== mounts) return [];
    return listNumbers(`/proc/${pid}/fd`)
      .filter((descriptor) => descriptor >= RAISED || isLedger(readLink(`/proc/${pid}/fd/${descriptor}`)))
      .map((descriptor) => ({ pid, descriptor }));
  });
}

function openIfNamed(reference: FileReference, name: string): LedgerFile | undefined {
  try {
    // Opening anything else may do something.
    if (!statSync(`/proc/${reference.pid}/fd/${reference.descriptor}`).isFile()) return undefined;
    const file = LedgerFile.openReference(reference);
    if (file.name === name) return file;
    file.close();
  } catch (error) {
    throwIfExhausted(error);
  }
  return undefined;
}

/** Without a descriptor, what is there can't be told from what is not. */
function throwIfExhausted(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EMFILE' || code === 'ENFILE') throw error;
}

function isOurs(pid: number, uid: number | undefined): boolean {
  try {
    return statSync(`/proc/${pid}`).uid === uid;
  } catch {
    return false;
  }
}

function isLedger(path: string | undefined): boolean {
  return path?.replace(/ \(deleted\)$/, '').endsWith(`/${FILE_NAME}`) === true;
}

function listNumbers(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch (error) {
    throwIfExhausted(error);
    return []; // it has ended
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
