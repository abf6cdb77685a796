/**
 * The note beside a KV cache in a file: the text that it holds, and of which model. The library's file doesn't tell, and a prompt on
 * top of another text would be answered wrongly.
 */
import { createHash } from 'node:crypto';
import type { HeldText } from '../../addon/nexa-binding.ts';
import { MiB } from '../../core/bytes.ts';
import { describeError, MemoryGuardError } from '../../core/errors.ts';
import { rm, writeFile } from '../../core/file-system.ts';
import { openRegularFile, readSmallFile } from '../../core/read-small-file.ts';

/** The end of a model's file is weights, which differ between models of the same shapes; that of a cache is what was computed last. */
const MARKED_BYTES = 1 * MiB;

/** A text of a million tokens has some MiB. */
const MOST_NOTE_BYTES = 64 * MiB;

interface Note {
  readonly format: 'nexa-memory-guard KV cache';
  readonly version: 1;
  /** Marks the model's file. */
  readonly model: string;
  /** Marks the cache's file, which another program may write without a note. */
  readonly cache: string;
  readonly tokens: number;
  /** The prompt and the answer, in base64. */
  readonly text: string;
}

/** The path of the note of the cache at `path`. */
export const kvCacheNotePath = (path: string) => `${path}.json`;

/** Rejects with `ERR_RUNTIME` if the note can't be written. The cache must be there. */
export async function writeKvCacheNote(path: string, modelPath: string, held: HeldText): Promise<void> {
  const note: Note = {
    format: 'nexa-memory-guard KV cache',
    version: 1,
    model: await markFile(modelPath),
    cache: await markFile(path),
    tokens: held.tokens,
    text: Buffer.from(held.text).toString('base64'),
  };
  try {
    // As private as a conversation is, and a file of its own: a link or a pipe that stands there is not written to.
    await rm(kvCacheNotePath(path), { force: true });
    await writeFile(kvCacheNotePath(path), `${JSON.stringify(note)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new MemoryGuardError('ERR_RUNTIME', `The note ${print(path)} could not be written (${code}).`, { cause });
  }
}

/** Rejects with `ERR_RUNTIME` if there is no note, or if it is of another model or of another cache. */
export async function readKvCacheNote(path: string, modelPath: string): Promise<HeldText> {
  const options = { mostBytes: MOST_NOTE_BYTES };
  const found = await readSmallFile(kvCacheNotePath(path), options).then(parseNote, (cause) => {
    const why = cause.code ?? cause.message;
    throw noteError(path, cause.code === 'ENOENT' ? 'no file there' : `no way to read it (${why})`, cause);
  });
  if (found === undefined) throw noteError(path, 'something else');
  if (found.model !== (await markFile(modelPath))) throw noteError(path, 'that of a cache of another model');
  if (found.cache !== (await markFile(path))) throw noteError(path, 'that of another cache');
  return { text: Buffer.from(found.text, 'base64'), tokens: found.tokens };
}

export async function removeKvCacheNote(path: string): Promise<void> {
  await rm(kvCacheNotePath(path), { force: true }).catch((cause) => {
    throw new MemoryGuardError('ERR_RUNTIME', `The note ${print(path)} could not be removed (${cause.code}).`, {
      cause,
    });
  });
}

function parseNote(json: Buffer): Note | undefined {
  try {
    const note = JSON.parse(json.toString()) as Note;
    const isNote = note.format === 'nexa-memory-guard KV cache' && note.version === 1;
    return isNote && typeof note.text === 'string' && isCount(note.tokens) ? note : undefined;
  } catch {
    return undefined;
  }
}

/** The library counts tokens in 32 bits. */
const isCount = (tokens: number) => Number.isInteger(tokens) && tokens >= 0 && tokens < 2 ** 31;

async function markFile(path: string): Promise<string> {
  try {
    const file = await openRegularFile(path);
    try {
      const { size } = await file.stat();
      const end = Buffer.alloc(Math.min(size, MARKED_BYTES));
      await file.read(end, 0, end.length, size - end.length);
      return `${size} ${createHash('sha256').update(end).digest('hex')}`;
    } finally {
      await file.close();
    }
  } catch (cause) {
    const message = `The file ${JSON.stringify(path)} could not be read (${describeError(cause)}).`;
    throw new MemoryGuardError('ERR_RUNTIME', message, { cause });
  }
}

function noteError(path: string, found: string, cause?: unknown): MemoryGuardError {
  const message = `Expected the note of a KV cache at ${print(path)}, found ${found}; save the cache again with \`saveKvCache\`.`;
  return new MemoryGuardError('ERR_RUNTIME', message, cause === undefined ? undefined : { cause });
}

const print = (path: string) => JSON.stringify(kvCacheNotePath(path));
